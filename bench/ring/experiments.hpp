// The experiments of ring_bench, one file each.
#pragma once

#include "bench/harness/experiment.hpp"

namespace bench {

/// Ping and pong over two buses, against the bare cache line and the protocol without library.
[[nodiscard]] experiment round_trip(const options& how);
/// Their tail, when nothing was warmed up.
[[nodiscard]] experiment first_events(const options& how);
/// The same with both sides asleep between, against two processes on a bare futex.
[[nodiscard]] experiment sleeping_round_trip(const options& how);
/// One publisher, one reader, nothing lost, against boost's spsc_queue.
[[nodiscard]] experiment throughput_64(const options& how);
[[nodiscard]] experiment throughput_192(const options& how);
/// One publisher, two readers, against a queue for each.
[[nodiscard]] experiment two_readers(const options& how);
/// Two publishers on one core, a reader on the other.
[[nodiscard]] experiment two_publishers(const options& how);
/// A publisher that nobody reads, against reading the counter.
[[nodiscard]] experiment publish_alone(const options& how);
/// A reader on a ring that was filled by another core, against adding up as many bytes.
[[nodiscard]] experiment read_alone(const options& how);

} // namespace bench
