// A library that is only preloaded; there is nothing to call.
