// Lives of a bus with losses between them, and an account of every (bus id, seq) that anybody was ever
// told of. A life is: two creators at once, a publisher and maybe a recorder in processes of their own, a
// reader that goes on at the place of the life before, and an end.
#pragma once

#include "recorder_process.hpp"

#include "tests/support/random.hpp"

#include <evbus/log/epochs.hpp>
#include <evbus/ring/retire.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace recorder_test {

/// What is lost between two lives.
enum class loss : std::uint8_t { ring_unlinked, ring_removed, reboot, tail_cut, tail_zeroed, last_segment, log, epochs };
inline constexpr std::array all_losses{loss::ring_unlinked, loss::ring_removed, loss::reboot, loss::tail_cut,
                                       loss::tail_zeroed, loss::last_segment, loss::log, loss::epochs};

/// How a life ends. `stay`: nobody ends; what is lost is lost under living members.
enum class ending : std::uint8_t { clean, all_killed, recorder_killed, stay };
inline constexpr std::array all_endings{ending::clean, ending::all_killed, ending::recorder_killed, ending::stay};

inline const char* to_string(loss l) {
    constexpr const char* names[] = {"ring unlinked", "ring removed", "reboot", "tail cut", "tail zeroed", "last segment", "log", "epochs"};
    return names[static_cast<std::size_t>(l)];
}
inline const char* to_string(ending e) {
    constexpr const char* names[] = {"clean", "all killed", "recorder killed", "stay"};
    return names[static_cast<std::size_t>(e)];
}

/// Every seq that was told published or given to a reader, and what it held.
class told_seqs {
public:
    /// False when the seq had other content before.
    bool tell(const bus_id& id, seq_t seq, const std::string& content) {
        const auto [at, fresh] = all_.try_emplace({id.words, seq}, content);
        if (!fresh && at->second != content)
            faults.push_back("seq " + std::to_string(seq) + " of bus " + evbus::to_string(id) + " was '" + at->second + "' and is '" + content + "'");
        return fresh || at->second == content;
    }
    /// Seqs from `first` to `last` that somebody was told of.
    [[nodiscard]] std::vector<seq_t> within(const bus_id& id, seq_t first, seq_t last) const {
        std::vector<seq_t> out;
        for (auto i = all_.lower_bound({id.words, first}); i != all_.end() && i->first.first == id.words && i->first.second <= last; ++i)
            out.push_back(i->first.second);
        return out;
    }
    [[nodiscard]] std::size_t size() const { return all_.size(); }

    lines faults;

private:
    std::map<std::pair<std::array<std::uint64_t, 2>, seq_t>, std::string> all_;
};

/// A publisher's process: one of the two creators, then as many events as it may.
class publishing_process {
public:
    static constexpr std::size_t most = 480;

    publishing_process(const world& w, std::string name) : name_(std::move(name)), board_(std::make_unique<board>()) {
        const board& b = *board_;
        process_ = std::make_unique<child>([&] {
            b[at_barrier].store(1);
            ring_test::wait_until([&] { return b[go].load() != 0; });
            const bus on = w.bus();
            b[id_0].store(on.id().words[0]);
            b[id_1].store(on.id().words[1]);
            b[epoch].store(static_cast<std::uint64_t>(on.epoch()));
            publisher pen(on, {.name = name_});
            b[opened].store(1);
            for (std::uint64_t n = 0; b[stop].load() == 0 || n < b[allowed].load();) {
                if (n >= b[allowed].load()) {
                    ::usleep(100);
                    continue;
                }
                const evbus::published p = pen.publish(topic("t"), content(n));
                if (!p) {
                    b[refused].store(static_cast<std::uint64_t>(p.status) + 1);
                    return p.status == publish_status::retired ? 0 : 1;
                }
                b[seqs + n].store(p.seq);
                b[count].store(++n);
            }
            return 0;
        });
        ring_test::wait_until([&] { return b[at_barrier].load() != 0; });
    }

    void release() const { (*board_)[go].store(1); }
    void wait_opened() const {
        ring_test::wait_until([&] { return (*board_)[opened].load() != 0; });
    }
    [[nodiscard]] bus_id id() const { return {{(*board_)[id_0].load(), (*board_)[id_1].load()}}; }
    [[nodiscard]] epoch_t of_epoch() const { return static_cast<epoch_t>((*board_)[epoch].load()); }
    void allow(std::uint64_t more) const { (*board_)[allowed].fetch_add(std::min<std::uint64_t>(more, most - (*board_)[allowed].load())); }
    /// Until all that it may publish is published, or the ring is closed.
    void wait_done() const {
        const board& b = *board_;
        ring_test::wait_until([&] { return b[refused].load() != 0 || b[count].load() >= b[allowed].load(); });
    }
    void kill() const { process_->kill(); }
    [[nodiscard]] int end() const {
        (*board_)[stop].store(1);
        return process_->wait();
    }
    void account_to(told_seqs& all) const {
        const board& b = *board_;
        for (std::uint64_t n = 0; n < b[count].load(); ++n) all.tell(id(), b[seqs + n].load(), content(n));
    }
    [[nodiscard]] seq_t last() const {
        const std::uint64_t n = (*board_)[count].load();
        return n == 0 ? no_seq : (*board_)[seqs + n - 1].load();
    }

private:
    enum field : std::size_t { at_barrier, go, opened, id_0, id_1, epoch, allowed, stop, refused, count, seqs };
    static_assert(seqs + most <= board::fields);
    [[nodiscard]] std::string content(std::uint64_t n) const { return name_ + ":" + std::to_string(n); }

    std::string name_;
    std::unique_ptr<board> board_;
    std::unique_ptr<child> process_;
};

// --- losing things -------------------------------------------------------------------------------

/// What `evctl remove --force` does with the ring: closed, its end noted, its names taken away.
inline void remove_ring(const world& w) {
    std::shared_ptr<ring::attachment> at;
    try {
        at = ring::attachment::open(w.name(), ring::access::read_write);
    } catch (const error&) {
        return; // nothing there to remove
    }
    const seq_t closed = ring::retire(*at, std::chrono::seconds(60));
    REQUIRE(closed != no_seq);
    const ring::checked_description& d = at->description();
    if (std::filesystem::exists(w.log_dir())) {
        const auto lock = log::log_lock::acquire(log::posix(), w.log_dir(), "test", std::chrono::minutes(1));
        const auto all = log::read_epochs(log::posix(), {w.log_dir()});
        const bool ended = all.size() > 1 && all[all.size() - 2].epoch == d.epoch();
        if (!all.empty() && all.back().epoch == d.epoch() && !ended)
            log::append_epoch(log::posix(), {w.log_dir()}, {d.epoch(), closed, detail::wall_ns(), detail::boot_id(), d.id(), d.name});
    }
    CHECK(ring::unlink_closed(w.name(), d.epoch()));
}

inline std::optional<std::string> last_segment(const world& w) {
    std::vector<seq_t> firsts;
    if (log::list_segments(log::posix(), {w.log_dir()}, firsts) != 0 || firsts.empty()) return std::nullopt;
    return log::segment_path({w.log_dir()}, firsts.back());
}

/// `part` chooses where a tail is cut.
inline void lose(const world& w, loss what, std::size_t part) {
    namespace fs = std::filesystem;
    const std::optional<std::string> segment = last_segment(w);
    const std::uint64_t bytes = segment ? fs::file_size(*segment) : 0;
    const std::uint64_t places[] = {0, 17, sizeof(log::segment_header), bytes / 3, bytes / 2, bytes * 2 / 3, bytes - std::min<std::uint64_t>(bytes, 1)};
    const std::uint64_t place = std::min(places[part % std::size(places)], bytes);
    switch (what) {
    case loss::ring_unlinked: w.unlink_ring(); break;
    case loss::ring_removed: remove_ring(w); break;
    case loss::reboot: {
        w.unlink_ring();
        const std::string path = log::log_dir{w.log_dir()}.epochs();
        std::string text = support::read_file(path);
        const std::string boot = detail::boot_id();
        for (std::size_t at = 0; (at = text.find(boot, at)) != std::string::npos;) text[at] = text[at] == '0' ? '1' : '0';
        if (!text.empty()) std::ofstream(path, std::ios::binary) << text;
        break;
    }
    case loss::tail_cut:
        if (segment) fs::resize_file(*segment, place);
        break;
    case loss::tail_zeroed: // its length was kept, its last pages were never written
        if (segment) fs::resize_file(*segment, place), fs::resize_file(*segment, bytes);
        break;
    case loss::last_segment:
        if (segment) fs::remove(*segment);
        break;
    case loss::log: fs::remove_all(w.log_dir()); break;
    case loss::epochs: fs::remove(log::log_dir{w.log_dir()}.epochs()); break;
    }
}

/// Only the dead lose pages of a file that was not synced.
inline bool needs_the_dead(loss what) {
    return what == loss::reboot || what == loss::tail_cut || what == loss::tail_zeroed || what == loss::last_segment;
}

} // namespace recorder_test
