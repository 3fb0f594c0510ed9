# Lists of this folder; see Makefile.am.
