# Output without an end, on both streams.
yes flood &
yes flood >&2
