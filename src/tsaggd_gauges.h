#ifndef TSAGGD_GAUGES_H
#define TSAGGD_GAUGES_H
#include "tsaggd_daemon.h"

/** A ts_gauges_fn; arg is the daemon, whose workers are there. @thread any */
void daemon_measure(void *arg, struct ts_readings *out);

#endif
