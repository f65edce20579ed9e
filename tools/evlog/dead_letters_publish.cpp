// Dead letters on the bus again. A letter is closed only when the recorder has what was published, so that it is
// in one of the two places whatever happens in between; it may then be in both, and be published twice.
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"
#include "tools/evlog/dead_letters.hpp"

#include <evbus/bus.hpp>
#include <evbus/error.hpp>
#include <evbus/publisher.hpp>

#include <chrono>
#include <optional>

using namespace std::chrono_literals;

namespace evlog {
namespace {

namespace letters = evbus::letters;
using evbus::errc;
using evbus::error;
using evbus::seq_t;

constexpr const char* operation = "publish dead letters again";
constexpr std::string_view origin_key = "dead-letter-of";
/// So many at most are on the bus and still open here, and would be published twice after a crash.
constexpr std::size_t batch = 64;
constexpr auto slice = 100ms;

evbus::bus open_bus(const letter_place& place) {
    if (!place.at.ring)
        throw error(errc::not_found, {operation, place.at.dir, "no ring is there to publish on", "name the bus, while it is there, instead of the directory"});
    evbus::bus on = evbus::bus::open(place.at.ring->name());
    if (!on.has_recorder())
        throw error(errc::not_found, {operation, "bus " + on.name(), "no recorder lives, so that nothing would keep what is published", "start evrecord " + on.name()});
    return on;
}

/// The event's own headers, and where it comes from; once, however often it was a dead letter.
evbus::headers headers_of(const evbus::event& e, const std::string& worker) {
    evbus::headers out;
    for (const evbus::header& h : e.headers())
        if (h.key != origin_key) out.add(h.key, h.value);
    out.add(origin_key, worker + "/" + std::to_string(e.seq()));
    return out;
}

class republisher {
public:
    republisher(const letter_place& place, const std::string& worker, recorded_as wait)
        : worker_(worker), wait_(wait), bus_(open_bus(place)), out_(bus_, {.name = "evlog"}),
          journal_(open_letters(place, worker, to_do::change)) {}

    int run(const letter_choice& choice) {
        const chosen_letters chosen = choose(journal_, choice);
        say_refused(worker_, chosen.refused);
        if (!chosen.refused.empty() && !chosen.seqs.empty()) cli::say("evlog", "nothing was published");
        if (chosen.refused.empty() && chosen.seqs.empty()) cli::say("evlog", worker_ + ": no dead letter matches");
        if (!chosen.refused.empty() || chosen.seqs.empty()) return cli::exit_nothing_matched;
        try {
            for (const seq_t seq : chosen.seqs) {
                if (!publish(seq)) return stopped();
                if (open_.size() == batch && !close_recorded()) return stopped();
            }
            if (!close_recorded()) return stopped();
        } catch (const error& e) {
            give_up(e);
        }
        tell();
        return cli::exit_fine;
    }

private:
    /// False when a signal came.
    bool publish(seq_t seq) {
        const evbus::owned_event kept = journal_.read(seq);
        const evbus::event e = kept.view();
        const evbus::topic to(e.topic());
        const evbus::headers with = headers_of(e, worker_);
        while (!stop_.asked()) {
            const evbus::published r = out_.publish_for(slice, to, e.payload(), {.headers = with});
            if (r) {
                open_.push_back(seq);
                last_ = r.seq;
                return true;
            }
            if (r.status != evbus::publish_status::timed_out)
                throw error(errc::io, {operation, "seq " + std::to_string(seq), to_string(r.status),
                                       r.status == evbus::publish_status::retired ? "look at evctl list" : "give it back to its worker (requeue), or drop it"});
        }
        return false;
    }

    /// Waits until the recorder has what was published, and closes those letters; false when a signal came.
    bool close_recorded() {
        if (open_.empty()) return true;
        if (!wait_recorded()) return false;
        static_cast<void>(journal_.refresh());
        for (const seq_t seq : open_) {
            const auto there = journal_.open_letters().find(seq);
            if (there == journal_.open_letters().end()) continue; // somebody else closed it meanwhile
            letters::story s = there->second;
            s.state = letters::letter_state::republished;
            check(journal_.change(s));
        }
        check(journal_.write());
        check(journal_.sync());
        closed_ += open_.size();
        open_.clear();
        return true;
    }

    bool wait_recorded() {
        const auto has = [&](auto limit) { return wait_ == recorded_as::written ? bus_.wait_written(last_, limit) : bus_.wait_durable(last_, limit); };
        for (int slices = 0; !stop_.asked(); ++slices) {
            const bool lives = bus_.has_recorder(); // asked first: one that ends has told how far it came
            if (has(lives ? slice : 0ms)) return true;
            if (!lives)
                throw error(errc::not_found, {operation, "bus " + bus_.name(), "its recorder ended before it had everything", "start evrecord " + bus_.name() + ", then look what it has"});
            if (slices == 50)
                cli::say("evlog", "waiting until seq " + std::to_string(last_) + (wait_ == recorded_as::written ? " is written" : " is durable (--wait written waits for less)"));
        }
        return false;
    }

    /// What was published before an error is closed all the same, if it can be. Told before the error is.
    [[noreturn]] void give_up(const error& why) {
        try {
            close_recorded();
        } catch (const error&) { // of the two the first counts
        }
        tell();
        throw error(why);
    }

    int stopped() {
        tell();
        return 128 + stop_.number();
    }

    void tell() const {
        cli::say("evlog", worker_ + ": published " + cli::format_count(closed_, "dead letter") + " again on bus " + bus_.name());
        if (!open_.empty())
            cli::say("evlog", worker_ + ": seqs " + std::to_string(open_.front()) + " to " + std::to_string(open_.back()) + " were published too, up to seq " +
                                  std::to_string(last_) + ", but are dead letters still: whether they are recorded is not known, and publishing them again may give them twice");
    }

    void check(int r) const {
        if (r < 0) throw journal_.failure(r);
    }

    const std::string worker_;
    recorded_as wait_;
    cli::stop_signal stop_;
    evbus::bus bus_;
    evbus::publisher out_;
    letters::journal journal_;
    std::vector<seq_t> open_{}; ///< published, and not closed yet
    seq_t last_ = evbus::no_seq;
    std::uint64_t closed_ = 0;
};

} // namespace

int publish_letters(const letter_place& place, const std::string& worker, const letter_choice& choice, recorded_as wait) {
    return republisher(place, worker, wait).run(choice);
}

} // namespace evlog
