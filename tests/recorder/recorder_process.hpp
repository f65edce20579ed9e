// A recorder in a process of its own: it can be killed, stopped and let go on, and its disk filled.
#pragma once

#include "disk_seam.hpp"
#include "recorder_fixture.hpp"

#include "tests/ring/process_fixture.hpp"

#include <cstdio>
#include <memory>
#include <string_view>
#include <thread>

namespace recorder_test {

using ring_test::board;
using ring_test::child;

class recorder_process {
public:
    /// Returns when publishers wait for it, or when it has refused.
    explicit recorder_process(const world& w, const recorder::options& how = {}) : board_(std::make_unique<board>()) {
        const board& b = *board_;
        process_ = std::make_unique<child>([&b, &w, how] {
            try {
                return record(b, bus::open(w.name()), how);
            } catch (const error& e) {
                const bool helpful = e.kind() == errc::mismatch && std::string_view(e.what()).find("evctl remove") != std::string_view::npos;
                if (!helpful) std::fprintf(stderr, "recorder: %s\n", e.what());
                b[state].store(helpful ? refused_with_way_out : refused);
                return 2;
            }
        });
        ring_test::wait_until([&] { return b[state].load() != 0; });
    }
    [[nodiscard]] bool is_recording() const { return (*board_)[state].load() == recording; }
    /// It refused, and said that the ring is to be removed.
    [[nodiscard]] bool named_way_out() const { return (*board_)[state].load() == refused_with_way_out; }
    void kill() const { process_->kill(); }
    void stop_still() const { process_->stop(); }
    void go_on() const { process_->go_on(); }
    /// Every write to a segment fails with this from now on; needs disk_seam.cpp.
    void fail_writes(int with_errno) const {
        const board& b = *board_;
        b[write_error].store(static_cast<std::uint64_t>(with_errno));
        ring_test::wait_until([&] { return b[failing_with].load() == b[write_error].load(); });
    }
    /// By itself: 0 when all went well, 1 when it halted, 2 when it had refused.
    int wait() const { return process_->wait(); }
    int end() const {
        (*board_)[asked_to_stop].store(1);
        return wait();
    }

private:
    enum : std::uint64_t { recording = 1, refused = 2, refused_with_way_out = 3 };
    enum field : std::size_t { state, asked_to_stop, write_error, failing_with };

    static int record(const board& b, const bus& on, recorder::options how) {
        how.on_recording = [&b] { b[state].store(recording); };
        recorder::recording r(on, std::move(how));
        std::atomic<bool> stop{false};
        std::thread listener([&] {
            while (b[asked_to_stop].load() == 0) {
                disk_seam::write_error = static_cast<int>(b[write_error].load());
                b[failing_with].store(static_cast<std::uint64_t>(disk_seam::write_error.load()));
                ::usleep(200);
            }
            stop.store(true);
        });
        const recorder::outcome end = r.run(stop);
        b[asked_to_stop].store(1);
        listener.join();
        return end.state == recorder_state::ended ? 0 : 1;
    }

    std::unique_ptr<board> board_;
    std::unique_ptr<child> process_;
};

} // namespace recorder_test
