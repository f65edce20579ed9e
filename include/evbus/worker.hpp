// Handling every event at least once, on a thread of its own:
//
//   evbus::worker w(bus, {.cursor = "billing", .filters = {"orders.>"}},
//                   [](const evbus::event& e) { return bill(e) ? evbus::next : evbus::retry; });
//   ...
//   w.stop();
//   w.join(); // throws what ended it
//
// It goes on where it ended, however that was: killed at any moment, it handles again what was not saved, and
// tells the handler that these may be repeats. What fails is tried again later, and goes to the dead letters at
// last; both are on disk before the cursor passes the event.
#pragma once

#include <evbus/worker/worker_loop.hpp>
#include <evbus/worker_options.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace evbus {
inline namespace v1 {

/// Movable. stop() and stats() from any thread, the rest from one at a time.
class worker {
public:
    /// `handler` is copied or moved in, and called on the worker's thread alone, with `const event&`, or
    /// `const event&, const attempt&`, or `event_batch&`; it returns nothing (handled), or an outcome. What it throws
    /// means what options.thrown says. Everything is set up before the thread starts; throws bad_option, what
    /// cursor and consumer throw, and what stands against the journal of letters (damaged, foreign_log, busy, permission).
    template <class Handler>
    worker(const bus& on, const worker_options& how, Handler handler, log::file_system& fs = log::posix())
        : w_(std::make_unique<work::worker_loop<Handler>>(on, how, std::move(handler), fs)) {
        w_->start(how.cursor);
    }
    worker(worker&&) noexcept = default;
    worker& operator=(worker&& other) noexcept {
        end();
        w_ = std::move(other.w_);
        return *this;
    }
    /// Stops, waits for the handler to return, and says nothing of what went wrong: join() does.
    ~worker() { end(); }

    /// Asks it to end in good order: the event in hand is finished and the place saved. At once, from any thread.
    void stop() noexcept { w_->stop(); }
    /// Waits until it has ended. Throws what ended it, unless that was stop() or evbus::stop: worker_error when the
    /// handler failed too often; error with errc::letters_full, errc::gap, or what stood against saving. In a forked
    /// child: errc::forked.
    void join() { w_->join(); }
    /// True when it has ended within `timeout`; join() says how. Waits for nothing longer.
    [[nodiscard]] bool join_for(std::chrono::nanoseconds timeout) { return w_->wait_over(timeout); }
    /// As of the last few events.
    [[nodiscard]] worker_stats stats() const { return w_->stats(); }

private:
    void end() noexcept {
        if (!w_) return;
        if (w_->in_child()) { // its thread is not here, and nothing of it can be taken down
            static_cast<void>(w_.release());
            return;
        }
        w_->stop();
        try {
            w_->join();
        } catch (...) { // who wants to know calls join()
        }
        w_.reset();
    }

    std::unique_ptr<work::worker_core> w_;
};

} // namespace v1
} // namespace evbus
