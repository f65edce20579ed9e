// What an earlier writer left past its last good sync, written afresh. After a sync that failed, or a writer
// that was killed, the page cache may hold as clean what the disk never got: such bytes read back well, and a
// sync of them that succeeds proves nothing. So they are copied into a file of their own, which is synced and
// takes their place before anybody calls them durable.
//
//   1. copy   segments/SEQ.evseg.fresh, synced; SEQ is the first seq not known to be durable
//   2. name   renamed to SEQ.evseg, the directory synced: from here on the copy is what counts
//   3. cut    the old segment ends where the copy begins, synced; not needed where the copy took its very name
//
// Killed or without power between two steps: before 2 the old segment counts, and all is done again. Before 3
// seqs stand in two files; finish_fresh_tail cuts them from the older one, but only what the copy really has.
#pragma once

#include "lib/log/recovery.hpp"

namespace evbus {
inline namespace v1 {
namespace log {

/// What the one who opens a log for writing knows of its end.
struct known_end {
    seq_t durable = max_seq;  ///< up to here a sync has returned; max_seq: what reads back is on disk
    bool closed = false;      ///< the last writer closed its log at `durable`
    seq_t ring_from = max_seq; ///< the ring still has this seq and all above; max_seq: it has none
};

/// Step 3, when an earlier start did not come to it; a copy that did not come to step 2 is removed. Call before scan(). Throws when it cannot.
void finish_fresh_tail(file_system& fs, const log_dir& dir, const bus_id& bus, unsigned file_mode,
                       const notice_hook& notices);

/// Steps 1 to 3 for what the newest segment holds past `known.durable`. True when something was written: then
/// `state` is stale. Call after repair(). Nothing is done for a segment whose ring lived in another boot of this
/// machine: its pages were read from the disk. Throws when it cannot; the log is then as before.
[[nodiscard]] bool write_tail_afresh(file_system& fs, const log_dir& dir, const log_state& state, const known_end& known,
                                     unsigned file_mode, const notice_hook& notices);

} // namespace log
} // namespace v1
} // namespace evbus
