"""Files of other programs that have to be looked at before they are opened."""
