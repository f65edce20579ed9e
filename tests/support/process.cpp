#include "tests/support/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace support {
namespace {

[[noreturn]] void fail(const std::string& what, int e = errno) { throw std::runtime_error(what + ": " + std::strerror(e)); }

void close_fd(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
}

struct pipe_ends {
    int read = -1;
    int write = -1;
};

pipe_ends make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    return {ends[0], ends[1]};
}

std::vector<char*> pointers(words& from) {
    std::vector<char*> out;
    for (std::string& s : from) out.push_back(s.data());
    out.push_back(nullptr);
    return out;
}

words environment_with(const words& more) {
    words all;
    for (char** e = environ; *e != nullptr; ++e) {
        const std::string name = std::string(*e).substr(0, std::string_view(*e).find('=') + 1);
        bool replaced = false;
        for (const std::string& m : more) replaced |= m.starts_with(name);
        if (!replaced) all.emplace_back(*e);
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

// False at the end of the stream.
bool read_some(int fd, std::string& to) {
    char buffer[65536];
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) to.append(buffer, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

} // namespace

std::vector<std::string> finished::out_lines() const {
    std::vector<std::string> lines;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

std::string tool(const std::string& name) {
    const char* dir = std::getenv("EVBUS_TOOLS_DIR");
    return std::string(dir != nullptr ? dir : EVBUS_BUILD_DIR "/tools/bin") + "/" + name;
}

process::process(words argv, options how) : name_(argv.at(0)), how_(std::move(how)) {
    std::signal(SIGPIPE, SIG_IGN); // a child that reads no more must not end the test
    pipe_ends in = how_.input.empty() ? make_pipe() : pipe_ends{::open(how_.input.c_str(), O_RDONLY | O_CLOEXEC), -1};
    if (in.read < 0) fail(how_.input);
    pipe_ends out = make_pipe();
    pipe_ends err = make_pipe();

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in.read, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out.write, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err.write, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int s : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, s);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

    words environment = environment_with(how_.environment);
    const int e = ::posix_spawnp(&pid_, argv[0].c_str(), &files, &attributes, pointers(argv).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    for (int* fd : {&in.read, &out.write, &err.write}) close_fd(*fd);
    in_ = in.write;
    out_fd_ = out.read;
    err_fd_ = err.read;
    if (e != 0) {
        for (int* fd : {&in_, &out_fd_, &err_fd_}) close_fd(*fd);
        fail("start " + name_, e);
    }
    if (in_ >= 0) ::fcntl(in_, F_SETFL, O_NONBLOCK);
    ended_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (ended_fd_ < 0) fail("pidfd_open");
}

process::process(process&& other) noexcept
    : name_(std::move(other.name_)), how_(std::move(other.how_)), pid_(std::exchange(other.pid_, -1)),
      ended_fd_(std::exchange(other.ended_fd_, -1)), in_(std::exchange(other.in_, -1)),
      out_fd_(std::exchange(other.out_fd_, -1)), err_fd_(std::exchange(other.err_fd_, -1)), ended_(other.ended_),
      result_(std::move(other.result_)), out_(std::move(other.out_)), err_(std::move(other.err_)) {}

process::~process() {
    if (pid_ > 0 && !ended_) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    for (int* fd : {&ended_fd_, &in_, &out_fd_, &err_fd_}) close_fd(*fd);
}

void process::write(std::string_view bytes) {
    const auto deadline = clock::now() + how_.cap;
    while (!bytes.empty() && in_ >= 0) {
        if (clock::now() > deadline) give_up("it to read its input");
        pump(deadline, &bytes);
    }
}

void process::close_input() { close_fd(in_); }

void process::signal(int number) const {
    if (!ended_) ::kill(pid_, number);
}

void process::kill() {
    signal(SIGKILL);
    wait();
}

void process::wait_until(const std::function<bool(const std::string&, const std::string&)>& there) {
    const auto deadline = clock::now() + how_.cap;
    while (!there(out_, err_)) {
        const bool over = ended_ && out_fd_ < 0 && err_fd_ < 0;
        if (over || clock::now() > deadline) give_up("a word of it");
        pump(deadline, nullptr);
    }
}

void process::wait_for_out(const std::string& text) {
    wait_until([&](const std::string& out, const std::string&) { return out.find(text) != std::string::npos; });
}

void process::wait_for_err(const std::string& text) {
    wait_until([&](const std::string&, const std::string& err) { return err.find(text) != std::string::npos; });
}

finished process::wait() {
    close_input();
    const auto deadline = clock::now() + how_.cap;
    // Its pipes may be kept open by a child of its own: its end is what counts, once they are drained.
    while (!ended_) {
        if (clock::now() > deadline) give_up("its end");
        pump(deadline, nullptr);
    }
    for (int* fd : {&out_fd_, &err_fd_}) {
        if (*fd < 0) continue;
        ::fcntl(*fd, F_SETFL, O_NONBLOCK);
        std::string& to = fd == &out_fd_ ? out_ : err_;
        for (std::size_t before = to.size() + 1; before != to.size();) {
            before = to.size();
            if (!read_some(*fd, to)) break;
        }
        close_fd(*fd);
    }
    result_.out = out_;
    result_.err = err_;
    return result_;
}

bool process::is_running() {
    pump(clock::now(), nullptr);
    return !ended_;
}

// Waits for one thing to happen: a word, room for input, or the end.
void process::pump(clock::time_point deadline, std::string_view* input) {
    pollfd all[4] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}, {ended_ ? -1 : ended_fd_, POLLIN, 0},
                     {input != nullptr ? in_ : -1, POLLOUT, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (::poll(all, 4, static_cast<int>(std::max<long long>(left, 0))) <= 0) return;
    if (all[0].revents != 0 && !read_some(out_fd_, out_)) close_fd(out_fd_);
    if (all[1].revents != 0 && !read_some(err_fd_, err_)) close_fd(err_fd_);
    if (all[3].revents != 0) {
        const ssize_t n = ::write(in_, input->data(), input->size());
        if (n > 0) input->remove_prefix(static_cast<std::size_t>(n));
        else if (n < 0 && errno == EPIPE) close_fd(in_);
    }
    if (all[2].revents != 0) {
        int status = 0;
        if (::waitpid(pid_, &status, 0) == pid_) reap(status);
    }
}

void process::reap(int status) {
    ended_ = true;
    if (WIFEXITED(status)) result_.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
}

void process::give_up(const std::string& waiting_for) const {
    throw std::runtime_error(name_ + ": waited in vain for " + waiting_for + "\nstdout: " + out_ + "\nstderr: " + err_);
}

finished run(words argv, std::string_view input, process::options how) {
    process p(std::move(argv), std::move(how));
    p.write(input);
    return p.wait();
}

} // namespace support
