// journal: staging, appending and syncing.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/letters/journal.hpp>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include <time.h>

namespace evbus {
inline namespace v1 {
namespace letters {

namespace detail {

[[nodiscard]] inline std::int64_t wall_ns() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

} // namespace detail

/// A call that answers with a number, of a part that throws.
template <class Call>
int journal::guarded(Call&& call) noexcept {
    trouble_.reset();
    if (options_.read_only) return -EROFS;
    if (poison_ != 0) return poison_;
    try {
        return call();
    } catch (const error& e) {
        const int os = e.os_error();
        try {
            trouble_ = e;
        } catch (const std::bad_alloc&) {
        }
        return os != 0 ? -os : -EBADMSG;
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
}

inline int journal::add(const event& e, const story& s) {
    return guarded([&] {
        if (index_.find(s.seq) != nullptr) return change(s);
        if (e.payload().size() > max_event_bytes) return -EMSGSIZE;
        staged n{s, frames_of(e), e.published()};
        const auto bytes = static_cast<std::uint32_t>(n.event->bytes.size());
        if (s.state == letter_state::dead && !has_room_dead(bytes)) return no_room_for_dead;
        n.news.error.resize(std::min(n.news.error.size(), max_error_bytes));
        const event_place where{no_seq, static_cast<std::uint16_t>(n.event->sizes.size()), bytes};
        const auto [it, added] = pending_.emplace(s.seq, std::move(n));
        index_.set(it->second.news, no_seq, where);
        return 0;
    });
}

inline int journal::change(const story& s) {
    return guarded([&] {
        const letter_index::known* const known = index_.find(s.seq);
        if (known == nullptr || !is_open(known->state)) return no_such_letter;
        if (s.state == letter_state::dead && known->state != letter_state::dead && !has_room_dead(known->event.bytes))
            return no_room_for_dead;
        story news = s; // before anything is changed: memory may run out here
        news.error.resize(std::min(news.error.size(), max_error_bytes));
        staged& n = pending_[s.seq];
        n.news = std::move(news);
        index_.set(n.news, known->note_at, event_place(known->event));
        return 0;
    });
}

inline int journal::write() {
    return guarded([&]() -> int {
        if (pending_.empty()) return 0;
        const std::optional<log::lock_file> held = lock();
        return held ? write_locked() : -EBUSY;
    });
}

inline int journal::write_locked() {
    if (!is_end_ours()) {
        catch_up();
        take_end();
    }
    while (!pending_.empty())
        if (const int r = append_some(); r < 0) return r;
    return 0;
}

/// As many whole letters as go into one write; with only one of them it may be of any size.
inline int journal::append_some() {
    struct placed {
        seq_t seq, note_at;
        event_place event;
    };
    if (!batch_) batch_ = std::make_unique<log::batch>(std::size_t{256} << 10);
    std::size_t capacity = std::size_t{256} << 10;
    std::unique_ptr<log::batch> large;
    log::batch* b = batch_.get();
    b->clear();
    std::vector<placed> done;
    std::size_t used = 0;
    seq_t at = place_.state.next;
    const std::int64_t now = detail::wall_ns();
    for (const auto& [seq, p] : pending_) {
        const letter_index::known* const known = index_.find(seq);
        const bool with_event = p.event && is_open(p.news.state);
        const std::size_t frames = 1 + (with_event ? p.event->sizes.size() : 0);
        const std::size_t need = (with_event ? p.event->bytes.size() : 0) + 2048 + frames * (sizeof(log::record_prefix) + sizeof(log::commit_header));
        if (used + need > capacity) {
            if (!done.empty()) break;
            capacity = padded8(need);
            large = std::make_unique<log::batch>(capacity);
            b = large.get();
        }
        used += need;
        event_place where = known->event;
        bool fits = true;
        if (with_event) {
            where.at = at;
            std::size_t from = 0;
            for (const std::uint32_t size : p.event->sizes) {
                fits = fits && b->add_frame(at++, p.published_ns, std::span<const std::byte>(p.event->bytes).subspan(from, size));
                from += size;
            }
        }
        const frame_list note = frame_of_note(encode_note(p.news, where));
        fits = fits && b->add_frame(at++, now, note.bytes);
        if (!fits) return -ENOMEM;
        done.push_back({seq, at - 1, where});
    }
    if (const int r = append(*b); r < 0) return r;
    mark(probe::letter_written);
    std::vector<std::pair<seq_t, std::uint64_t>> commits;
    b->for_each_commit([&](const log::commit_header& h, std::span<const std::byte>) { commits.emplace_back(h.first_seq, h.place); });
    auto commit = commits.begin();
    for (const placed& d : done) {
        pending_.erase(d.seq);
        file_place file;
        if (d.event.at >= commits.front().first) {
            while (commit + 1 != commits.end() && (commit + 1)->first <= d.event.at) ++commit;
            file = {place_.segment, commit->second};
        }
        index_.placed(d.seq, d.note_at, d.event, file);
    }
    return 0;
}

inline int journal::append(log::batch& b) {
    if (writer_.is_open() && writer_.covers_seqs() && writer_.offset() + b.bytes().size() > options_.segment_bytes)
        if (const int r = seal_segment(); r < 0) return r;
    if (!writer_.is_open())
        if (const int r = begin_segment(); r < 0) return r;
    const int r = writer_.append(b, place_.state);
    if (r < 0) {
        if (writer_.poisoned()) writer_.close(); // whoever comes next copies what is whole
        return r;
    }
    place_.offset = place_.bytes = writer_.offset();
    return 0;
}

/// A segment is durable before the next one's first commit, and its footer says so.
inline int journal::seal_segment() {
    if (const int r = sync_file(); r < 0) return r;
    if (const int r = writer_.seal(options_.bus.seed()); r < 0) return r;
    place_.sealed = true;
    const int r = sync_file();
    writer_.close();
    return r;
}

inline int journal::begin_segment() {
    log::segment_header h = header_behind(place_.state, options_.bus, epoch_t{1});
    h.created_ns = detail::wall_ns();
    if (const int r = writer_.create(*fs_, dir_, h, file_mode_); r < 0) return r;
    give_to_owner(*writer_.shared());
    if (place_.first == no_seq) place_.first = h.first_seq;
    place_.segment = h.first_seq;
    place_.header = h;
    place_.offset = place_.bytes = writer_.offset();
    place_.sealed = false;
    return 0;
}

inline int journal::sync_file() {
    if (const int r = writer_.shared()->datasync(); r < 0) return poison(r);
    synced_ = place_.last();
    mark(probe::letter_synced);
    return 0;
}

inline int journal::poison(int r) noexcept { return poison_ = r; }

inline int journal::sync() {
    return guarded([&]() -> int {
        if (synced_ == place_.last()) return 0;
        // Also when another process has copied the end meanwhile: then the copy has all of ours, and is synced.
        if (writer_.is_open()) return sync_file();
        // A write went wrong, and its file was given up: what is whole in it is copied.
        const std::optional<log::lock_file> held = lock();
        if (!held) return -EBUSY;
        catch_up();
        take_end();
        return 0;
    });
}

inline error journal::failure(int result) const {
    const std::string what = "keep letters of " + name_;
    if (trouble_) return *trouble_;
    if (result == no_room_for_dead)
        return {errc::letters_full, {what, dir_.root, "the dead letters take " + std::to_string(dead_bytes()) + " bytes of " +
                                                          std::to_string(options_.max_dead_bytes) + " that they may",
                                     "look at them with `evlog dead-letters`, requeue or drop some, or allow more"}};
    if (poison_ != 0)
        return {errc::io, -poison_, {what, dir_.root, "a sync failed, so that what the disk has is not known",
                                     "check the disk, then open it again"}};
    if (result == no_such_letter) return {errc::not_found, {what, dir_.root, "no open letter has this seq", "`evlog dead-letters` lists them"}};
    if (result == -EMSGSIZE) return {errc::too_large, {what, dir_.root, "an event has at most 16 MiB"}};
    const evbus::detail::os_problem p = evbus::detail::explain_errno(-result);
    return {p.code, -result, {what, dir_.root, p.problem, p.way_out}};
}

} // namespace letters
} // namespace v1
} // namespace evbus
