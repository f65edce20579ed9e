#include "tools/evlog/cursor_view.hpp"

#include "tools/cli/when.hpp"

#include <evbus/log/epochs.hpp>
#include <evbus/log/lock_file.hpp>
#include <evbus/log/log_reader.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace evlog {

namespace log = evbus::log;
using evbus::no_seq;
using evbus::seq_t;

namespace {

// A log that nothing was recorded into yet knows its bus from the ring's creation.
evbus::bus_id bus_of(const cli::log_place& at) {
    if (at.ring) return at.ring->id();
    const std::vector<log::epoch_record> epochs = log::read_epochs(log::posix(), {at.dir});
    return epochs.empty() ? evbus::bus_id{} : epochs.back().bus;
}

// The time of the first event at or behind `next`, as far as a look at the log tells.
std::optional<std::int64_t> time_at(log::log_reader& in, seq_t next) {
    constexpr int most_entries = 100'000;
    log::entry e;
    in.seek(next);
    for (int i = 0; i < most_entries && in.next(e) == log::step::entry; ++i)
        if (e.kind == log::entry_kind::frame && e.time_ns() != 0) return e.time_ns();
    return std::nullopt;
}

} // namespace

log_reach reach_of(const cli::log_place& at) {
    log_reach out{.bus = bus_of(at)};
    log::log_reader in(log::posix(), at.dir, {out.bus.empty() ? std::nullopt : std::optional(out.bus)});
    out.bus = in.bus();
    out.oldest = std::max<seq_t>(in.first_seq(), 1);
    const seq_t last = in.last_seq();
    out.head = last == no_seq ? out.oldest : last + 1;
    if (at.ring) out.head = std::max(out.head, at.ring->head());
    out.last_ns = last == no_seq ? 0 : in.last_time_ns();
    return out;
}

std::vector<cursor_view> look_at_cursors(const cli::log_place& at, const log_reach& reach) {
    std::vector<cursor_view> out;
    log::log_reader in(log::posix(), at.dir, {reach.bus});
    for (log::cursor_info& info : log::list_cursors(log::posix(), {at.dir}, reach.bus)) {
        cursor_view v;
        v.info = std::move(info);
        const std::string lock = log::cursor_paths({at.dir}, v.info.name).lock();
        if (log::lock_file::is_held(log::posix(), lock)) v.user = log::lock_file::holder(log::posix(), lock);
        const seq_t next = v.info.saved.place.next;
        if (v.info.is_usable()) {
            v.is_ahead = next > reach.head;
            v.lag = v.is_ahead ? 0 : reach.head - next;
            if (v.lag == 0) v.lag_ns = 0;
            else if (const auto ns = time_at(in, next)) v.lag_ns = std::max<std::int64_t>(reach.last_ns - *ns, 0);
        }
        out.push_back(std::move(v));
    }
    return out;
}

std::string cursors_json(const std::string& dir, const log_reach& reach, const std::vector<cursor_view>& all) {
    using json = nlohmann::ordered_json;
    const auto number = [](auto n) { return std::to_string(n); };
    json list = json::array();
    for (const cursor_view& v : all) {
        json c{{"name", v.info.name}, {"state", to_string(v.info.state)}};
        if (v.info.is_usable()) {
            c["next"] = number(v.info.saved.place.next);
            c["walk_from"] = number(v.info.saved.place.walk_from);
            c["lag_events"] = number(v.lag);
            if (v.lag_ns) c["lag_ns"] = number(*v.lag_ns);
            c["ahead"] = v.is_ahead;
            c["may_repeat"] = number(v.info.saved.notes.may_repeat);
            c["letters_may_repeat"] = v.info.saved.notes.unsure_letters;
            c["filter"] = v.info.saved.filter;
            c["saves"] = number(v.info.saved.saves);
            c["saved"] = cli::format_iso(v.info.saved.saved_ns, cli::zone::utc);
            c["saved_ns"] = number(v.info.saved.saved_ns);
        }
        c["pins"] = number(v.info.pin);
        if (!v.user.empty()) c["used_by"] = v.user;
        if (!v.info.words.empty()) c["problem"] = v.info.words;
        list.push_back(std::move(c));
    }
    return json{{"log", dir}, {"head", number(reach.head)}, {"cursors", std::move(list)}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace evlog
