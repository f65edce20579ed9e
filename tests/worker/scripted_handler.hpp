// A worker's handler that does what its script says, and writes each handling into its diary before it answers.
#pragma once

#include "tests/worker/diary.hpp"

#include <evbus/event_batch.hpp>
#include <evbus/work/retry_schedule.hpp>

#include <csignal>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace lives_test {

/// Copied into the worker; one thread.
struct scripted_handler {
    script plays;
    evbus::order kept_order;
    std::function<std::uint64_t(const evbus::event&)> number_of; ///< 0: the event is not as it was published
    std::shared_ptr<diary_pen> pen;
    unsigned life;
    std::uint64_t own_end;
    std::set<evbus::seq_t> rolled{};
    std::uint64_t handled = 0;

    verdict meet(const evbus::event& e, const evbus::attempt& a, std::string& lines) {
        verdict v = plays.answer(e.seq(), a.number);
        if (plays.rolls_back(e.seq()) && rolled.insert(e.seq()).second) v = verdict::rolls_back;
        else if (a.requeued) v = verdict::next;
        lines += text_of(line{life, e.seq(), number_of(e), a.number, a.may_repeat, a.requeued, v});
        ++handled;
        return v;
    }
    void end_if_told(const std::string& lines) const {
        pen->write(lines);
        if (own_end != 0 && handled >= own_end) ::kill(::getpid(), SIGKILL);
    }
    evbus::outcome one(const evbus::event& e, const evbus::attempt& a) {
        std::string lines;
        const verdict v = meet(e, a, lines);
        end_if_told(lines);
        switch (v) {
        case verdict::next: return evbus::next;
        case verdict::retry: return evbus::retry(script::words(e.seq(), a.number));
        case verdict::dead: return evbus::dead(script::words(e.seq(), a.number));
        case verdict::throws: throw std::runtime_error(script::words(e.seq(), a.number));
        case verdict::rolls_back: return evbus::rollback("as planned");
        case verdict::skipped: break; // in batches only
        }
        return evbus::next;
    }
    evbus::outcome all(evbus::event_batch& batch) {
        std::string lines;
        bool back = false;
        std::set<std::uint64_t> failed; // topics; what is behind comes again when topics are kept in order
        for (std::size_t i = 0; i < batch.size() && !back; ++i) {
            const evbus::event e = batch[i];
            const evbus::attempt a = batch.attempt(i);
            if (failed.count(e.topic_hash()) != 0) {
                lines += text_of(line{life, e.seq(), number_of(e), a.number, a.may_repeat, a.requeued, verdict::skipped});
                continue;
            }
            const verdict v = meet(e, a, lines);
            const bool waits = v == verdict::retry || v == verdict::throws;
            if (waits) batch.fail(i, evbus::retry(script::words(e.seq(), a.number)));
            if (waits && kept_order == evbus::order::by_topic && a.number < plays.attempts()) failed.insert(e.topic_hash());
            if (v == verdict::dead) batch.fail(i, evbus::dead(script::words(e.seq(), a.number)));
            back = v == verdict::rolls_back;
        }
        end_if_told(lines);
        return back ? evbus::rollback("as planned") : evbus::outcome(evbus::next);
    }
};

} // namespace lives_test
