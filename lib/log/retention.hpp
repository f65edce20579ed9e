// Which segments a log can do without, and deleting them. plan() is pure: it is what `evlog retain` prints.
// execute() deletes oldest first and makes each deletion durable before the next, so that a crash leaves a log
// that merely begins later: what is missing below the first segment is retention, anywhere else it is damage.
#pragma once

#include "lib/log/stored_segments.hpp"

#include <evbus/log/anchors.hpp>
#include <evbus/log/file.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// So much of the file system is to stay free: bytes, or a share of it. Both 0: no limit.
struct free_limit {
    std::uint64_t bytes = 0;
    double percent = 0; ///< 0 to 100

    [[nodiscard]] std::uint64_t of(std::uint64_t total_bytes) const noexcept;
};

/// What a log may take. A limit that is not set is none.
struct retention_limits {
    std::optional<std::uint64_t> bytes{};          ///< all segments together, the newest included
    std::optional<std::chrono::nanoseconds> age{}; ///< a segment goes when all in it is older
    std::optional<std::uint64_t> segments{};       ///< the newest included
    free_limit free{};

    [[nodiscard]] bool any() const noexcept {
        return bytes || age || segments || free.bytes != 0 || free.percent > 0;
    }
};

enum class pin_kind : std::uint8_t { cursor, anchor };

/// Somebody who still needs this seq and all behind it.
struct retention_pin {
    std::string name; ///< for people: `cursor "worker"`
    seq_t seq = 1;    ///< 1 keeps everything
    pin_kind kind = pin_kind::cursor;
};

/// What an operator can do so that it is needed no longer.
[[nodiscard]] const char* way_out_of(pin_kind k) noexcept;

/// What limits are measured against.
struct retention_scene {
    std::int64_t now_ns = 0; ///< since 1970
    space_info space{};      ///< of the log's file system
    /// What the newest segment will still take: it counts as taken already.
    std::uint64_t to_come_bytes = 0;
    /// The log's size when its disk was first found crowded (retention_plan::crowded); nothing: it keeps its
    /// present size.
    std::optional<std::uint64_t> size_when_crowded{};
};

/// Why a segment goes.
enum class retention_reason : std::uint8_t { none, bytes, segments, age, free_space };

enum class retention_verdict : std::uint8_t {
    goes,
    within, ///< no limit asks for it
    pinned, ///< a limit asks for it, and somebody needs it
    newest, ///< a limit asks for it, but the newest segment always stays
};

struct planned_segment {
    stored_segment segment;
    retention_verdict verdict = retention_verdict::within;
    retention_reason reason = retention_reason::none; ///< of all verdicts but `within`
    std::string pin;                                  ///< who needs it, when pinned
    log::pin_kind pin_kind = log::pin_kind::cursor;
};

struct retention_plan {
    std::vector<planned_segment> segments; ///< ascending; those that go stand first
    std::size_t going = 0;
    std::uint64_t going_bytes = 0;
    std::uint64_t bytes = 0; ///< of all segments
    /// Less is free than is to be, and all segments but the newest together would not make up for it: the
    /// disk is full of something else. Then free space takes no more than what the log grew by meanwhile.
    bool crowded = false;

    /// The segment that goes last; never call it when none goes.
    [[nodiscard]] const stored_segment& last_to_go() const noexcept { return segments[going - 1].segment; }
    /// The first segment that a limit asks for and that stays because somebody needs it; null: none.
    [[nodiscard]] const planned_segment* held() const noexcept;
};

/// Oldest first, as long as a limit is exceeded; never the newest, and nothing that a pin needs unless `force`.
[[nodiscard]] retention_plan plan(std::vector<stored_segment> segments, const retention_limits& limits,
                                  const retention_scene& scene, const std::vector<retention_pin>& pins,
                                  bool force = false);

/// For people: "over the limit of bytes", "needed by cursor ...".
[[nodiscard]] const char* to_string(retention_reason r) noexcept;
[[nodiscard]] std::string to_string(const planned_segment& s);

/// Every cursor of the log, what cannot be read included: that pins everything. Throws when the cursors cannot
/// be listed: then nobody knows what is needed. `bus` may be empty.
[[nodiscard]] std::vector<retention_pin> pins_of_cursors(file_system& fs, const log_dir& dir, const bus_id& bus);
/// What whoever loads the state that the anchor refers to has to read.
[[nodiscard]] retention_pin pin_of(const anchor& a);
/// The same and the log's newest anchor. Where that one stands in a segment that still grows, the segment is
/// synced: an anchor that power loss may take back must not let go of what the one before it needs. Throws when
/// any of this fails.
[[nodiscard]] std::vector<retention_pin> pins_of(file_system& fs, const log_dir& dir, const bus_id& bus);

/// What execute() did.
struct retention_result {
    std::uint64_t segments = 0;
    seq_range seqs{};        ///< that were in them; meaningful when there were any
    std::uint64_t bytes = 0;
    int os_error = 0;        ///< 0: all that was planned is gone
    std::string failed;      ///< the path that could not be deleted
};

/// Deletes what goes, oldest first, index before segment, the directory synced after each. Stops at the first
/// error, and before the next segment once `stop` is set, which may be null. What somebody else deleted meanwhile
/// is not counted.
[[nodiscard]] retention_result execute(file_system& fs, const log_dir& dir, const retention_plan& what,
                                       const std::atomic<bool>* stop = nullptr);

} // namespace log
} // namespace v1
} // namespace evbus
