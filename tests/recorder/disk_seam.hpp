// What this process's fdatasync and pwrite do: counted, delayed, refused. Linked in by the tests that
// ask for it, in place of the C library's.
#pragma once

#include <atomic>
#include <cstdint>

namespace disk_seam {

inline std::atomic<int> sync_delay_ms{0};
inline std::atomic<int> sync_error{0};          ///< errno of every fdatasync from now on; 0 = none
inline std::atomic<std::uint64_t> syncs{0};     ///< fdatasyncs that returned
inline std::atomic<std::uint64_t> syncing{0};   ///< fdatasyncs that began
inline std::atomic<std::uint64_t> synced_bytes{0}; ///< size that the last synced file had when its sync began
inline std::atomic<int> write_error{0};         ///< errno of every pwrite to a segment; 0 = none
inline std::atomic<std::uint64_t> writes{0};    ///< pwrites

} // namespace disk_seam
