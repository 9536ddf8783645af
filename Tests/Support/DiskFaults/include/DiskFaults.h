// Nothing is called: the library works by being preloaded. See DiskFaults.c.
