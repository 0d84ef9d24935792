"""The page that `pixlm demo` serves: local models to play with, in a browser, without anything from the network."""
