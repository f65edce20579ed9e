// What log and recorder cost, against plain file system calls on the same disk: docs/benchmarks.md.
#include "bench/harness/report.hpp"
#include "bench/log/experiments.hpp"

int main(int argc, char** argv) {
    const bench::options how = bench::parse_options(argc, argv);
    return bench::run_program(
        "log_bench", {bench::recording_unsynced(how), bench::recording_synced(how), bench::catch_up(how), bench::memory(how), bench::worker_log(how),
                      bench::worker_ring(how), bench::durable_delay(how),
                      bench::sync_small(how), bench::sync_space(how), bench::sync_who(how)}, how);
}
