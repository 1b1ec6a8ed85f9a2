"""The words of the product as frozen values, and their rules. Standard library only; imports nothing of ours."""
