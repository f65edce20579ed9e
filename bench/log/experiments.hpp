// The experiments of log_bench.
#pragma once

#include "bench/harness/experiment.hpp"

namespace bench {

/// A recorder behind a publisher, against write() of 1 MiB batches of as many bytes with XXH3.
[[nodiscard]] experiment recording_unsynced(const options& how);
/// The same until all is durable, both with a sync each 10 ms beside the writing.
[[nodiscard]] experiment recording_synced(const options& how);
/// A consumer that comes late, against pread() of 1 MiB pieces of the same files with XXH3.
[[nodiscard]] experiment catch_up(const options& how);
/// What recorder and consumer need besides the ring, for a small and a large log.
[[nodiscard]] experiment memory(const options& how);

/// A worker, its place saved each 1,000 events or at the end, against the consumer that it is made of.
[[nodiscard]] experiment worker_log(const options& how);
[[nodiscard]] experiment worker_ring(const options& how);
/// From publish to durable at half the disk's speed, against a plain file's fdatasync() under the same load.
[[nodiscard]] experiment durable_delay(const options& how);
/// What a sync costs with small writes, depending on how the file got its space.
[[nodiscard]] experiment sync_small(const options& how);
/// What the same makes of a stream, with a sync each 10 ms.
[[nodiscard]] experiment sync_space(const options& how);
/// Who syncs, how often, and whether the disk is asked to begin early.
[[nodiscard]] experiment sync_who(const options& how);

} // namespace bench
