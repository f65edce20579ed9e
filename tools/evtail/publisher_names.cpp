#include "tools/evtail/publisher_names.hpp"

#include <evbus/error.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_reader.hpp>
#include <evbus/ring/members.hpp>

#include <algorithm>

namespace evtail {

namespace log = evbus::log;
using evbus::publisher_id;
using evbus::seq_t;

namespace {
constexpr std::size_t segments_back = 4;
} // namespace

publisher_names::publisher_names(std::string log_dir, evbus::bus_id id, std::shared_ptr<evbus::ring::attachment> ring)
    : log_dir_(std::move(log_dir)), id_(id), ring_(std::move(ring)) {}

std::string_view publisher_names::name(publisher_id who, seq_t at) {
    const key k{creation_of(at), who};
    const auto found = known_.find(k);
    if (found != known_.end()) return found->second;
    if (ring_ && at >= ring_->first_seq()) {
        const evbus::ring::member_info m = evbus::ring::read_member(*ring_, who.number);
        if (m.incarnation == who.incarnation) return known_[k] = m.name;
    }
    try {
        look_in_log(who, k.first, at);
    } catch (const evbus::error&) {
        // A log that cannot be read is told of by who reads events from it; here the number will do.
    }
    return known_[k];
}

seq_t publisher_names::creation_of(seq_t at) {
    if (ring_ && at >= ring_->first_seq()) return ring_->first_seq();
    if (!std::exchange(read_creations_, true) && !log_dir_.empty()) {
        for (const log::epoch_record& e : log::read_epochs(log::posix(), {log_dir_})) creations_.push_back(e.first_seq);
        std::sort(creations_.begin(), creations_.end());
    }
    const auto next = std::upper_bound(creations_.begin(), creations_.end(), at);
    return next == creations_.begin() ? 1 : *(next - 1);
}

void publisher_names::look_in_log(publisher_id who, seq_t creation, seq_t at) {
    if (log_dir_.empty()) return;
    std::vector<seq_t> segments;
    if (log::list_segments(log::posix(), {log_dir_}, segments) < 0) return;
    std::size_t looked = 0;
    for (auto s = segments.rbegin(); s != segments.rend() && looked < segments_back; ++s) {
        if (*s > at) continue;
        if (*s < creation && looked != 0) return;
        scan_segment(*s, creation, at);
        if (known_.contains({creation, who})) return;
        ++looked;
    }
}

void publisher_names::scan_segment(seq_t segment, seq_t creation, seq_t at) {
    seq_t& done = scanned_[segment];
    const seq_t begin = std::max(done, segment);
    if (begin > at) return;
    log::log_reader in(log::posix(), log_dir_, {id_});
    in.select({.topics = nullptr, .headers = nullptr, .frames = false});
    in.seek(begin);
    log::entry e;
    while (in.next(e, at) == log::step::entry)
        if (e.kind == log::entry_kind::member && e.member.what == log::member_change::joined)
            known_[{creation, {e.member.number, e.member.incarnation}}] = e.member.name;
    done = in.position();
}

} // namespace evtail
