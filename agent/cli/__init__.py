"""The command line: everything the window can do, for scripts and for servers without a screen."""
