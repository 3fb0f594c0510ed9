# Proofs under faults; tests/run starts them.
EXTRA_DIST += \
	tests/faults/failing_alloc.c \
	tests/faults/failing_fsync.c \
	tests/faults/test_alloc.py \
	tests/faults/test_day.py \
	tests/faults/test_dead_letter.py \
	tests/faults/test_descriptors.py \
	tests/faults/test_disk.py \
	tests/faults/test_kill.py \
	tests/faults/test_memory.py \
	tests/faults/test_outage.py \
	tests/faults/test_reload.py \
	tests/faults/test_sink_menu.py \
	tests/faults/test_tls.py
