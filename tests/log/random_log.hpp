// Logs that nobody thought up: publishers who begin large events and finish them or not, voids, losses, and
// topics from everywhere to once in thousands of frames.
#pragma once

#include "tests/log/query_fixture.hpp"

#include "tests/support/random.hpp"

#include <deque>
#include <string>
#include <vector>

namespace log_test {

using evbus_test::random_source;

/// Publishers that begin events and finish them, or not; topics from everywhere to once in a thousand.
class random_log {
public:
    random_log(random_source& random, test_log& log, int segments) : random_(&random), out_(log) {
        topics_ = 3 + random.below(40);
        fragments_ = random.below(3) == 0 ? 3 : 200;
        trouble_ = random.below(2) == 0 ? 20'000 : 400;
        static_cast<void>(log.writer());
        while (log.segments().size() < static_cast<std::size_t>(segments) + 1) write_some();
        if (random.one_in(2)) return;
        out_.flush();
        log.close();
    }

private:
    void write_some() {
        for (int i = 0; i < 200; ++i) write_one();
        if (random_->one_in(3)) out_.flush();
    }
    void write_one() {
        ns_ += static_cast<std::int64_t>(random_->below(3));
        const auto stamp = ns_ - static_cast<std::int64_t>(random_->below(20));
        if (random_->one_in(trouble_)) {
            switch (random_->below(5)) {
            case 0: return out_.voids(1 + random_->below(3));
            case 1: return out_.lost(1 + random_->below(3));
            case 2: return out_.member(publisher(), log::member_change::joined);
            case 3: return end_publisher();
            default: return out_.anchor();
            }
        }
        const std::uint16_t who = publisher();
        open_event& open = open_[who];
        if (open.total != 0 && !random_->one_in(50)) { // goes on with it
            const std::uint32_t part = std::min<std::uint32_t>(open.total - open.at, 300);
            out_.frame({open.topic, std::string(part, 'f'), {}, who, open.total, open.at}, stamp);
            open.at += part;
            if (open.at == open.total) open = {};
            return;
        }
        if (random_->one_in(fragments_)) {
            open = {topic(), static_cast<std::uint32_t>(600 + random_->below(2000)), 300};
            return out_.frame({open.topic, std::string(300, 'F'), headers_of_one(), who, open.total, 0}, stamp);
        }
        open = {};
        out_.frame({topic(), "event " + std::to_string(++count_) + std::string(random_->below(100), '.'), headers_of_one(), who}, stamp);
    }
    std::string topic() {
        if (random_->one_in(3000)) return "rare.x" + std::to_string(random_->below(3));
        if (random_->one_in(3000)) return "$bus.note";
        return "t" + std::to_string(random_->below(topics_)) + ".common";
    }
    std::vector<header> headers_of_one() {
        std::vector<header> out;
        ids_.clear();
        if (random_->one_in(5)) out.push_back({header_key::type, random_->one_in(2) ? "new" : "gone"});
        if (random_->one_in(4)) out.push_back({header_key::correlation_id, ids_.emplace_back("id-" + std::to_string(random_->below(4000)))});
        if (random_->one_in(2000)) out.push_back({"x-own", "1"});
        return out;
    }
    std::uint16_t publisher() { return static_cast<std::uint16_t>(1 + random_->below(4)); }
    void end_publisher() {
        const std::uint16_t who = publisher();
        open_[who] = {};
        out_.member(who, log::member_change::left);
    }

    struct open_event {
        std::string topic{};
        std::uint32_t total = 0;
        std::uint32_t at = 0;
    };
    random_source* random_;
    log_maker out_;
    std::size_t topics_ = 1;
    std::size_t fragments_ = 1;
    std::size_t trouble_ = 1;
    std::int64_t ns_ = 1'000'000;
    std::uint64_t count_ = 0;
    open_event open_[8];
    std::deque<std::string> ids_;
};

} // namespace log_test
