// A small language for tests of letters: a log's directory of its own with a journal in it, events by seq, and what a
// journal holds as lines.
#pragma once

#include <evbus/headers.hpp>
#include <evbus/letters/journal.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace letters_test {

using namespace evbus;
using namespace evbus::letters;
namespace fs = std::filesystem;

inline const bus_id test_bus{{0x1111'2222'3333'4444, 0x5555'6666'7777'8888}};
inline const bus_id other_bus{{0x9999'2222'3333'4444, 0x5555'6666'7777'8888}};

using lines = std::vector<std::string>;

inline owned_event make_event(seq_t seq, std::string_view payload, std::string topic = "a.b", seq_t first = no_seq,
                              const headers& h = {}) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(payload.data());
    const auto block = h.view().block();
    return {{first == no_seq ? seq : first, seq}, static_cast<std::int64_t>(seq) * 1000, {member_no{7}, 3}, std::move(topic),
            {block.begin(), block.end()}, {bytes, bytes + payload.size()}};
}

inline story make_story(seq_t seq, letter_state state = letter_state::waiting, std::uint32_t attempts = 1, std::string error = {}) {
    story s;
    s.seq = s.first_seq = seq;
    s.state = state;
    s.attempts = attempts;
    s.due_ns = static_cast<std::int64_t>(seq) * 10 + attempts;
    s.since_ns = 77;
    s.last_ns = 78;
    s.error = std::move(error);
    return s;
}

/// "12 waiting 1 boom", and "requeued" behind it where that is so.
inline std::string line_of(const story& s) {
    return std::to_string(s.seq) + " " + to_string(s.state) + " " + std::to_string(s.attempts) + (s.error.empty() ? "" : " " + s.error) +
           (s.requeued ? " requeued" : "");
}
inline lines letters_of(const journal& j) {
    lines out;
    for (const auto& [seq, s] : j.open_letters()) out.push_back(line_of(s));
    return out;
}
/// The same with their events, from disk.
inline lines whole_letters_of(const journal& j) {
    lines out;
    for (const auto& [seq, s] : j.open_letters()) {
        const owned_event e = j.read(seq);
        out.push_back(line_of(s) + " | " + std::string(e.view().topic()) + " " + std::string(e.view().text().substr(0, 40)));
    }
    return out;
}

/// A log's directory, in memory where there is such a place; gone with the test.
class letter_box {
public:
    letter_box() {
        const fs::path place = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
        std::string name = (place / "evbus-letters-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        dir = name;
        options.bus = test_bus;
        options.on_notice = [this](const notice& n) { notices.push_back(n); };
    }
    ~letter_box() { fs::remove_all(dir); }
    letter_box(const letter_box&) = delete;
    letter_box& operator=(const letter_box&) = delete;

    [[nodiscard]] journal open(log::file_system& files = log::posix()) {
        notices.clear();
        return journal::open(files, {dir}, "billing", options);
    }
    [[nodiscard]] journal look() const {
        journal_options o = options;
        o.read_only = true;
        return journal::open(log::posix(), {dir}, "billing", o);
    }
    [[nodiscard]] std::string path() const { return dir + "/dead-letters/billing"; }
    [[nodiscard]] lines names(const std::string& of) const {
        std::set<std::string> sorted;
        for (const auto& e : fs::directory_iterator(path() + "/" + of)) sorted.insert(e.path().filename().string());
        return {sorted.begin(), sorted.end()};
    }
    [[nodiscard]] lines segments() const { return names("segments"); }
    [[nodiscard]] std::string segment(std::size_t i) const { return path() + "/segments/" + segments().at(i); }

    static std::string slurp(const std::string& p) {
        std::ifstream in(p, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void spit(const std::string& p, const std::string& b) {
        std::ofstream(p, std::ios::binary | std::ios::trunc).write(b.data(), static_cast<std::streamsize>(b.size()));
    }

    std::string dir;
    journal_options options;
    std::vector<notice> notices;
};

/// Stages one more letter with its event.
inline void add(journal& j, seq_t seq, letter_state state = letter_state::waiting, std::string_view payload = "hello",
                std::string error = {}) {
    REQUIRE(j.add(make_event(seq, payload).view(), make_story(seq, state, 1, std::move(error))) == 0);
}
inline void keep(journal& j) {
    REQUIRE(j.write() == 0);
    REQUIRE(j.sync() == 0);
}
/// What opening throws, as text; empty when it opens.
template <class Open>
std::string refusal(Open&& open, errc* kind = nullptr) {
    try {
        static_cast<void>(open());
    } catch (const error& e) {
        if (kind != nullptr) *kind = e.kind();
        return e.what();
    }
    return {};
}

} // namespace letters_test
