// The two files of a cursor, of arbitrary bytes: decoding, listing, opening, saving over them. Whatever they
// hold, a place is one that stands whole in one of them, or there is none and that is an error with words.
#include "tests/fuzz/input.hpp"

#include <evbus/cursor.hpp>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include <unistd.h>

using namespace evbus;
using fuzz::require;

namespace {

const bus_id bus_of_log{{0x1111'2222'3333'4444, 0x5555'6666'7777'8888}};

/// A directory in memory, one for the process.
struct cursor_dir {
    cursor_dir() {
        dir = "/dev/shm/" + fuzz::name_prefix() + "cursor";
        require(log::make_dirs(log::posix(), dir + "/cursors", 0700) == 0, "a directory is made");
    }
    ~cursor_dir() {
        for (const std::string& p : {at().current, at().before(), at().fresh(), at().lock()}) ::unlink(p.c_str());
        ::rmdir((dir + "/cursors").c_str());
        ::rmdir(dir.c_str());
    }
    cursor_dir(const cursor_dir&) = delete;
    cursor_dir& operator=(const cursor_dir&) = delete;

    [[nodiscard]] log::cursor_paths at() const { return {log::log_dir{dir}, "x"}; }
    static void put(const std::string& path, const std::string& bytes, bool there) {
        ::unlink(path.c_str());
        if (there) std::ofstream(path, std::ios::binary) << bytes;
    }
    std::string dir;
};

/// A file as it was saved, then changed; mostly with the right checksum, for what lies behind it is to be reached.
std::string one_file(fuzz::input& in) {
    std::string bytes;
    const std::uint8_t how = in.byte();
    if (how % 8 == 0) {
        const auto raw = in.stretch();
        return {raw.begin(), raw.end()};
    }
    const seq_t next = 1 + in.below(1000), back = in.below(10);
    bytes = log::encode_cursor({bus_of_log, {next, next > back ? next - back : 1}, in.below(300), 5, (how & 1) != 0 ? "a.>" : ">"});
    for (std::uint8_t patches = in.byte() % 4; patches > 0; --patches)
        in.patch({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    if ((how & 2) != 0) {
        log::cursor_header h;
        std::memcpy(&h, bytes.data(), sizeof h);
        h.checksum = log::detail::cursor_checksum(h, std::string_view(bytes).substr(sizeof h));
        std::memcpy(bytes.data(), &h, sizeof h);
    }
    if ((how & 4) != 0) bytes.resize(in.below(256));
    return bytes;
}

bool holds(const std::string& bytes, const cursor_place& place) {
    log::saved_cursor c;
    return decode_cursor(bytes, c) == log::cursor_fault::none && c.place == place && c.bus == bus_of_log;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const cursor_dir world;
    fuzz::input in(data, size);
    const std::uint8_t which = in.byte();
    const std::string current = one_file(in), before = one_file(in);
    cursor_dir::put(world.at().current, current, (which & 3) != 3);
    cursor_dir::put(world.at().before(), before, (which & 12) != 12);
    const bool is_new = (which & 15) == 15;

    const auto listed = log::list_cursors(log::posix(), {world.dir}, bus_of_log);
    require(listed.size() == (is_new ? 0u : 1u), "what is there is listed, whatever it holds");
    if (!is_new) {
        const log::cursor_info& c = listed[0];
        require(c.is_usable() || (c.pin == 1 && !c.words.empty()), "what cannot be used pins everything, with words");
        require(!c.is_usable() || (c.pin >= 1 && c.pin <= c.saved.place.next), "what can be used pins what it needs");
    }
    try {
        cursor c(cursor_home{world.dir, bus_of_log, 2000}, "x", {.filters = {"a.>"}});
        require(is_new == !c.place(), "without a place nothing was there");
        if (c.place()) require(holds(current, *c.place()) || holds(before, *c.place()), "a place is one that was saved");
        c.save({2000, 1990});
        require(c.place()->next == 2000, "what was saved is the place");
    } catch (const error& e) {
        require(!is_new, "what is not there is no error");
        require(std::string_view(e.what()).find("cursor x") != std::string_view::npos, "an error names the cursor");
        require(e.kind() == errc::damaged || e.kind() == errc::mismatch || e.kind() == errc::foreign_log || e.kind() == errc::wrong_version,
                "an error is one of those that a cursor has");
        return 0;
    }
    const cursor again(cursor_home{world.dir, bus_of_log, 2000}, "x", {.filters = {"a.>"}});
    require(again.place() == cursor_place{2000, 1990}, "what was saved is found again");
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    const auto file = [](writer& w, int how, std::uint32_t next) -> writer& {
        return w.byte(static_cast<std::uint64_t>(how)).number(next).byte(2).number(std::uint32_t{7}).byte(0);
    };
    std::vector<bytes> out;
    for (const int which : {0, 3, 12, 15})
        for (const int how : {1, 2, 3, 7}) {
            writer w;
            w.byte(static_cast<std::uint64_t>(which));
            out.push_back(file(file(w, how, 50), 3, 40).done());
        }
    using h = log::cursor_header;
    const auto patched = [](std::size_t at, std::string_view text) {
        return writer().byte(12).byte(3).number(std::uint32_t{50}).byte(0).number(std::uint32_t{1}).byte(1).half(at).stretch(text).done();
    };
    out.push_back(patched(offsetof(h, version), "\x02"));
    out.push_back(patched(offsetof(h, flags), "\x01"));
    out.push_back(patched(offsetof(h, bus_id), "x"));
    out.push_back(patched(offsetof(h, next_seq), "\xff\xff\xff\xff\xff\xff\xff\xff"));
    out.push_back(patched(offsetof(h, walk_from), "\xff\xff\xff\xff\xff\xff\xff\xff"));
    out.push_back(patched(offsetof(h, saves), "\xff\xff\xff\xff\xff\xff\xff\xff"));
    out.push_back(patched(offsetof(h, filter_bytes), "\xff\xff\xff\xff"));
    return out;
}
