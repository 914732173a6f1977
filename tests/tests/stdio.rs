//! A line in, a line out: the server as the child of its client.
