// What the ring costs, against the machine's own cost of the same: docs/benchmarks.md.
#include "bench/harness/report.hpp"
#include "bench/ring/experiments.hpp"

int main(int argc, char** argv) {
    const bench::options how = bench::parse_options(argc, argv);
    return bench::run_program("ring_bench",
                              {bench::round_trip(how), bench::first_events(how), bench::throughput_64(how),
                               bench::throughput_192(how), bench::two_readers(how), bench::two_publishers(how),
                               bench::sleeping_round_trip(how), bench::publish_alone(how), bench::read_alone(how)},
                              how);
}
