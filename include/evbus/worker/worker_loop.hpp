// The life of a worker's thread. Events are given from within the consumer's poll, without a copy; whatever ends
// a poll early leaves it by an exception of its own, behind an event that is wholly done with.
#pragma once

#include <evbus/worker/bus_source.hpp>
#include <evbus/worker/handler_call.hpp>
#include <evbus/worker/letter_desk.hpp>
#include <evbus/worker/place_keeper.hpp>
#include <evbus/work/restart_budget.hpp>
#include <evbus/worker/worker_core.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace work {

template <class Handler>
class worker_loop final : public worker_core {
    static constexpr bool batches = takes_batch<Handler>();
    static_assert(takes_event<Handler>() || batches, "a handler takes (const evbus::event&), (const evbus::event&, const evbus::attempt&) or (evbus::event_batch&)");

public:
    worker_loop(const bus& on, const worker_options& o, Handler handler, log::file_system& fs)
        : how_((check_options(o), o)), handler_(std::move(handler)), place_(on, how_, batches ? how_.batch : 1, fs),
          source_(on, how_, place_.is_new() ? how_.from : place_.cursor().start()), desk_(how_, place_.cursor().notes().unsure_letters),
          budget_(how_.restart) {
        place_.begin(source_.reader().place(), notes());
    }

private:
    enum class leave : std::uint8_t { stop, rollback };

    void run() override {
        while (!is_asked_to_stop()) {
            before_ = source_.reader().place();
            done_ = before_.next;
            consume_status s = consume_status::delivered;
            try {
                s = source_.reader().poll([&](const event& e) { take(e); }, [&](const gap& g) { stats_.gap_seqs += g.seqs; },
                                          {.max_events = std::min<std::uint64_t>(256, place_.due().room())});
                at_ = source_.reader().place();
            } catch (leave why) {
                at_ = {done_, before_.walk_from};
                if (why == leave::stop) break;
                go_back();
            }
            if (place_.due().is_due(detail::steady_ns())) save();
            tell(now());
            if (s != consume_status::delivered) (void)source_.reader().wait(std::chrono::milliseconds(20));
        }
        place_.save_last(at_, notes(), 0);
        tell(now());
    }

    void take(const event& e) {
        attempt a{1, place_.may_repeat(), false};
        const outcome::kind k = call(e, a);
        if (k == outcome::kind::rollback) throw leave::rollback;
        place_.done();
        ++stats_.handled;
        done_ = e.seq() + 1;
        if (k == outcome::kind::stop || is_asked_to_stop()) throw leave::stop;
    }
    outcome::kind call(const event& e, const attempt& a) {
        if constexpr (!batches) return ask([&]() -> decltype(auto) { return give(handler_, e, a); }, how_.thrown, reply_);
        else return outcome::kind::next;
    }
    void go_back() {
        if (!budget_.spend(detail::steady_ns()))
            throw worker_error({"worker " + how_.cursor, "", reply_.text, ""}, "", done_, 1, reply_.text);
        ++stats_.restarts;
        place_.go_back(1);
        source_.begin_at(from::place(place_.saved()));
        at_ = place_.saved();
    }
    void save() {
        place_.save(at_, notes());
        ++stats_.saves;
    }
    [[nodiscard]] cursor_notes notes() const { return {}; }
    [[nodiscard]] worker_stats now() {
        worker_stats s = stats_;
        s.next = at_.next;
        s.mode = source_.reader().mode();
        s.waiting = desk_.waiting();
        return s;
    }

    const worker_options how_;
    Handler handler_;
    place_keeper place_;
    bus_source source_;
    letter_desk desk_;
    restart_budget budget_;
    reply reply_;
    worker_stats stats_;
    cursor_place before_; ///< where the poll under way began
    seq_t done_ = no_seq; ///< behind the last event of it that is done with
    cursor_place at_;     ///< everything before it is done with
};

} // namespace work
} // namespace v1
} // namespace evbus
