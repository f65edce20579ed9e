// Anchors in a log. An anchor says: the state up to and including seq S is kept elsewhere, under this
// reference; who has it goes on behind S. It is a record without a seq of its own, and stands where it was
// written: behind S, often far behind. Seqs of anchors never go back, so the last in the log is the newest.
#pragma once

#include <evbus/detail/utf8.hpp>
#include <evbus/error.hpp>
#include <evbus/from.hpp>
#include <evbus/log/log_reader.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// Where the state up to a seq is kept.
struct anchor {
    seq_t seq = no_seq;    ///< the last one whose event is in the state; 0: it is the state before all events
    std::string reference; ///< 1 to 255 bytes of UTF-8 without control characters: a path, a URL
    std::optional<std::uint64_t> content_hash{}; ///< of what is kept there, by a hash of its owner's choice
    /// Reading begins here, when an event larger than a slot was not whole at `seq`: a consumer's place() tells.
    /// no_seq: behind `seq`.
    seq_t walk_from = no_seq;
    std::int64_t time_ns = 0; ///< when it was put; ns since 1970

    /// Where replay goes on: `{.from = from::place(a.place())}`.
    [[nodiscard]] cursor_place place() const noexcept {
        return {seq + 1, walk_from == no_seq || walk_from > seq ? seq + 1 : walk_from};
    }
    friend bool operator==(const anchor&, const anchor&) = default;
};

/// What is wrong with a reference, in words; null when nothing is.
[[nodiscard]] inline const char* fault_of_reference(std::string_view text) noexcept {
    if (text.empty()) return "is empty";
    if (text.size() > max_record_text) return "is longer than 255 bytes";
    if (!evbus::detail::is_utf8(text)) return "is not UTF-8";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const bool c1 = c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0; // U+0080 to U+009F
        if (c < 0x20 || c == 0x7f || c1) return "holds a control character";
    }
    return nullptr;
}

namespace detail {

[[nodiscard]] inline anchor anchor_of(const anchor_info& a) {
    return {a.seq - 1, std::string(a.label), a.content_hash, a.walk_from == no_seq || a.walk_from >= a.seq ? no_seq : a.walk_from, a.time_ns};
}

/// Gives the anchors from the reader's place on to `take`, until what is read belongs to `end` or lies behind it.
template <class Take>
void each_anchor(log_reader& in, const std::string& dir, seq_t end, Take&& take) {
    entry e;
    step s;
    while ((s = in.next(e)) == step::entry) {
        const bool is_note = e.kind == entry_kind::member || e.kind == entry_kind::run || e.kind == entry_kind::anchor;
        if (!is_note && e.range.first >= end) return;
        if (e.kind == entry_kind::anchor && e.anchor.seq != no_seq) take(e.anchor);
    }
    if (s == step::failed) throw error(errc::io, {"look for anchors", dir, in.failure(), "try again, or see evlog verify"});
}

/// Anchors are wanted, and no frames.
[[nodiscard]] inline log_reader open_for_anchors(file_system& fs, const log_dir& dir, const reader_options& how) {
    log_reader in(fs, dir.root, how);
    in.select({.frames = false});
    return in;
}

} // namespace detail

/// All anchors of a log, oldest first. Where a footer leads to them, nothing else of a segment is read. Throws
/// what log_reader throws, and errc::io.
[[nodiscard]] inline std::vector<anchor> list_anchors(file_system& fs, const log_dir& dir, const reader_options& how = {}) {
    log_reader in = detail::open_for_anchors(fs, dir, how);
    std::vector<anchor> out;
    detail::each_anchor(in, dir.root, max_seq, [&](const anchor_info& a) { out.push_back(detail::anchor_of(a)); });
    return out;
}

/// The newest anchor of a log; nothing when there is none. Looks at the newest segment first, of which, while it
/// grows, all is read; and at none that ends before `not_below`, for who knows that nothing new stands there. Throws
/// what log_reader throws, and errc::io.
[[nodiscard]] inline std::optional<anchor> newest_anchor(file_system& fs, const log_dir& dir, const reader_options& how = {},
                                                         seq_t not_below = no_seq) {
    log_reader in = detail::open_for_anchors(fs, dir, how);
    segment_list segments(fs, dir);
    if (const int r = segments.refresh(); r < 0) evbus::detail::throw_errno(-r, "look for anchors", dir.segments());
    std::optional<anchor> found;
    seq_t end = max_seq;
    for (std::size_t i = segments.firsts().size(); i-- > 0 && !found && end > not_below;) {
        const seq_t first = segments.firsts()[i];
        in.seek(first);
        // What stands behind the last seq of a segment comes before the first one of the next.
        detail::each_anchor(in, dir.root, end, [&](const anchor_info& a) { found = detail::anchor_of(a); });
        end = first;
    }
    return found;
}

} // namespace log
} // namespace v1
} // namespace evbus
