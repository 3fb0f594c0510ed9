libtsagg_a_SOURCES += \
	src/journal/journal.c src/journal/journal.h src/journal/journal_priv.h \
	src/journal/journal_coarsen.c src/journal/journal_coarsen.h \
	src/journal/journal_coarsen_extras.c \
	src/journal/journal_index.c \
	src/journal/journal_limit.c \
	src/journal/journal_reader.c \
	src/journal/journal_record.c \
	src/journal/journal_recover.c \
	src/journal/journal_replace.c \
	src/journal/journal_segment.c \
	src/journal/journal_thread.c
