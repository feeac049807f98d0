// Pollinations: being written.
