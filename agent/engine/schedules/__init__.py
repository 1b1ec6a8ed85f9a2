"""When processflows run by themselves. Pure; reads no clock."""
