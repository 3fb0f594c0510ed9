sbin_PROGRAMS += tsaggd
tsaggd_SOURCES = src/tsaggd.c src/tsaggd_input.c src/tsaggd_input.h
