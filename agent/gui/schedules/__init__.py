"""When a processflow runs by itself: the Schedule dialog."""
