"""Home: what runs, what needs a person, when each processflow ran last and runs next."""
