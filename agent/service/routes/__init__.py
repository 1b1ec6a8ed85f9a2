"""The routes of the contract, one module for each part of it. They translate and delegate; they decide nothing."""
