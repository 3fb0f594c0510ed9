# The embedded database.
libtsagg_a_SOURCES += \
	src/store/store.c src/store/store.h src/store/store_priv.h \
	src/store/store_batch.c src/store/store_batch.h \
	src/store/store_buckets.c \
	src/store/store_catalog.c \
	src/store/store_changes.c \
	src/store/store_codec.c src/store/store_codec.h \
	src/store/store_commit.c \
	src/store/store_db.c src/store/store_db.h src/store/store_sql.def \
	src/store/store_delete.c \
	src/store/store_float.c \
	src/store/store_index.c src/store/store_index.h \
	src/store/store_key.c src/store/store_key.h \
	src/store/store_land.c \
	src/store/store_map.c src/store/store_map.h \
	src/store/store_merge.c \
	src/store/store_newest.c \
	src/store/store_piece.c \
	src/store/store_pred.c \
	src/store/store_purge.c \
	src/store/store_quotient.c \
	src/store/store_read.c src/store/store_read.h \
	src/store/store_retain.c \
	src/store/store_rows.c \
	src/store/store_scan.c src/store/store_scan.h \
	src/store/store_schema.c \
	src/store/store_segment.c src/store/store_segment.h src/store/store_segment_priv.h \
	src/store/store_segment_read.c \
	src/store/store_shard.c \
	src/store/store_stats.c \
	src/store/store_table.c src/store/store_table.h \
	src/store/store_tend.c src/store/store_tend.h \
	src/store/store_walk.c
