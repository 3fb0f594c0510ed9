# What a reader may rely on in the source, checked by a script.
TESTS += tests/style/run
EXTRA_DIST += tests/style/run
AM_TESTS_ENVIRONMENT += CC='$(CC)'; STYLE_CFLAGS='$(AM_CFLAGS)'; export CC STYLE_CFLAGS;
