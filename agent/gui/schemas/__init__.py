"""What an app has at the other end of an App Configuration: schemas, attributes, actions."""
