// What handlers did, in all of a worker's lives: one line for each event handled, in the file before the handler
// returns. A line is one write: it is there whole, or not at all, wherever the process is killed.
#pragma once

#include "tests/worker/script.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace lives_test {

struct line {
    unsigned life = 0;
    seq_t seq = evbus::no_seq;
    std::uint64_t n = 0; ///< the number in the event's payload; 0: the payload is not as it was published
    std::uint32_t attempt = 1;
    bool may_repeat = false;
    bool requeued = false;
    verdict gave = verdict::next;
};
[[nodiscard]] inline std::string text_of(const line& l) {
    return std::to_string(l.life) + " " + std::to_string(l.seq) + " " + std::to_string(l.n) + " " + std::to_string(l.attempt) + " " +
           std::to_string(int{l.may_repeat}) + " " + std::to_string(int{l.requeued}) + " " + std::to_string(static_cast<int>(l.gave)) + "\n";
}

/// Appends, in the worker's process.
class diary_pen {
public:
    explicit diary_pen(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
        if (fd_ < 0) std::abort();
    }
    diary_pen(const diary_pen&) = delete;
    ~diary_pen() { ::close(fd_); }
    void write(const std::string& lines) const {
        if (!lines.empty() && ::write(fd_, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) std::abort();
    }

private:
    int fd_;
};

/// Reads what came since the last look, in the judge's process.
class diary_reader {
public:
    explicit diary_reader(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600)) {
        if (fd_ < 0) std::abort();
    }
    diary_reader(const diary_reader&) = delete;
    ~diary_reader() { ::close(fd_); }

    [[nodiscard]] std::vector<line> more() {
        char block[4096];
        for (ssize_t r = 0; (r = ::read(fd_, block, sizeof block)) > 0;) rest_.append(block, static_cast<std::size_t>(r));
        std::vector<line> out;
        std::size_t from = 0;
        for (std::size_t end = 0; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1) {
            line l;
            unsigned long long seq = 0, n = 0;
            int may_repeat = 0, requeued = 0, gave = 0;
            if (std::sscanf(rest_.c_str() + from, "%u %llu %llu %u %d %d %d", &l.life, &seq, &n, &l.attempt, &may_repeat, &requeued, &gave) != 7)
                std::abort();
            l.seq = seq;
            l.n = n;
            l.may_repeat = may_repeat != 0;
            l.requeued = requeued != 0;
            l.gave = static_cast<verdict>(gave);
            out.push_back(l);
        }
        rest_.erase(0, from);
        return out;
    }

private:
    int fd_;
    std::string rest_;
};

} // namespace lives_test
