#include "tools/demo/children.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace demo {

child::child(const std::function<int()>& role) : pid_(::fork()) {
    if (pid_ < 0) throw std::runtime_error("cannot start another process");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = 1;
    try {
        code = role();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "demo: %s\n", e.what());
    }
    ::_exit(code);
}

child::child(const std::vector<std::string>& argv) : child([&argv] {
    std::vector<char*> words;
    for (const std::string& a : argv) words.push_back(const_cast<char*>(a.c_str()));
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    throw std::runtime_error("cannot run " + argv[0]);
    return 127;
}) {}

child::child(child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ended_(other.ended_), code_(other.code_) {}
child& child::operator=(child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(ended_, other.ended_);
    std::swap(code_, other.code_);
    return *this;
}

child::~child() {
    if (pid_ < 0 || ended_) return;
    ::kill(pid_, SIGKILL);
    wait();
}

void child::signal(int number) const {
    if (pid_ > 0 && !ended_) ::kill(pid_, number);
}

int child::wait() {
    int status = 0;
    if (pid_ < 0 || ended_) return code_;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    ended_ = true;
    return code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool child::has_ended() {
    int status = 0;
    if (pid_ < 0 || ended_) return true;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    ended_ = true;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

} // namespace demo
