// What it costs to ask a log for a little of what it holds, against reading all of it.
#include "bench/harness/report.hpp"
#include "bench/log/queries.hpp"

int main(int argc, char** argv) {
    const bench::options how = bench::parse_options(argc, argv);
    return bench::run_program("log_query", bench::queries(how), how);
}
