"""Sign in: the first start makes the operator, later ones ask for him."""
