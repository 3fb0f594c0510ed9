/* Any bytes as statsd and DogStatsD lines; what must hold stands in fuzz_line.h. */
#include "config.h"
#include "fuzz_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lines(TS_FORMAT_STATSD, data, size);
    return 0;
}
