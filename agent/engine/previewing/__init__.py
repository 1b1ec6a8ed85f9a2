"""What a run would do: previews and the tests of documents."""
