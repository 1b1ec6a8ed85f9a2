"""The vault on screen: which one is in use, its state, and the cure. Shown in the credential form and in Settings."""
