// evlog dead-letters when something is wrong: with what was asked for, with the files, with the system.
#include "tests/tools/letters_fixture.hpp"

#include <evbus/log/cursor_store.hpp>
#include <evbus/log/lock_file.hpp>

#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tools_test;
namespace fs = std::filesystem;

namespace {

struct one_letter : letters_fixture {
    one_letter() { add("billing", {{.seq = 17}}); }
    [[nodiscard]] std::string only_segment() const {
        std::string path;
        for (const auto& e : fs::directory_iterator(journal_dir("billing") + "/segments"))
            if (e.path().extension() == ".evseg") path = e.path().string();
        return path;
    }
};

/// A terminal of its own for a program: what it is told, and what it says.
finished on_terminal(words command, const std::string& answer) {
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return {};
    const std::string terminal = ptsname(master);
    CHECK(::write(master, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()));
    words w{"sh", "-c", "t=$1; shift; exec \"$@\" <\"$t\" 2>\"$t\"", "sh", terminal};
    w.insert(w.end(), command.begin(), command.end());
    finished f = run(std::move(w));
    char said[4096];
    const int flags = ::fcntl(master, F_GETFL);
    ::fcntl(master, F_SETFL, flags | O_NONBLOCK);
    for (ssize_t n = 0; (n = ::read(master, said, sizeof said)) > 0;) f.err.append(said, static_cast<std::size_t>(n));
    ::close(master);
    return f;
}

} // namespace

TEST_CASE("evlog dead-letters: what makes no sense is refused by its own words, and nothing has changed") {
    const one_letter t;
    const struct {
        words given;
        const char* says;
    } cases[] = {
        {{"nobody"}, "'nobody': no worker of that name has any"},
        {{"show", "nobody", "1"}, "there are: billing"},
        {{"requeue", "../billing", "17"}, "no worker of that name has any"},
        {{"show"}, "show: no worker was named"},
        {{"show", "billing"}, "no letter was named; give seqs, or --all"},
        {{"requeue", "billing"}, "no letter was named"},
        {{"drop", "billing", "--yes"}, "no letter was named"},
        {{"drop", "billing", "17", "--all", "--yes"}, "--all and seqs contradict each other"},
        {{"show", "billing", "0"}, "'0': is no seq"},
        {{"show", "billing", "-1"}, "-1"},
        {{"show", "billing", "seventeen"}, "'seventeen'"},
        {{"show", "billing", "99999999999999999999"}, "'99999999999999999999'"},
        {{"list", "billing", "17"}, "list: takes no seqs"},
        {{"list", ""}, "the worker's name: is empty"},
        {{"requeue", "billing", "--all", "--error", ""}, "--error: is empty"},
        {{"drop", "billing", "--all", "--yes", "--topic", ""}, "--topic: is empty"},
        {{"forget", "billing"}, "'forget': is nothing to do with dead letters"},
        {{"requeue", "billing", "17x"}, "'17x': is no seq"},
        {{"billing", "17"}, "takes no seqs"},
        {{"billing", "requeue", "17"}, "first what to do: evlog dead-letters " },
        {{"requeue", "billing", "17", "--topic", "a"}, "give them with --all"},
        {{"--topic", "a..b"}, "empty token"},
        {{"--error", "("}, "--error '('"},
        {{"-n", "0"}, "0"},
        {{"--publish"}, "--publish with list: means nothing; it belongs to requeue"},
        {{"--yes"}, "--yes with list"},
        {{"--wait", "written"}, "--wait with list"},
        {{"--raw"}, "--raw with list: means nothing; it belongs to show"},
        {{"requeue", "billing", "17", "--json"}, "it belongs to list and show"},
        {{"requeue", "billing", "17", "--wait", "written"}, "--wait"},
        {{"drop", "billing", "17", "--waiting", "--yes"}, "--waiting with drop"},
        {{"show", "billing", "17", "-n", "1"}, "-n with show"},
        {{"show", "billing", "17", "--raw", "--hex"}, "contradict each other"},
    };
    for (const auto& c : cases) {
        const finished f = t.dead_letters(c.given);
        CAPTURE(f.err);
        CAPTURE(c.says);
        CHECK(f.code == 2);
        CHECK(f.out.empty());
        CHECK(has(f.err, c.says));
    }
    CHECK(t.open_letters("billing") == "17 dead");
    CHECK(!fs::exists(t.journal_dir("nobody")));
    CHECK(t.evlog_of("no-such-bus-here", {}).code == 2);
    CHECK(t.evlog_of("/nowhere/at/all", {}).code == 2);
}

TEST_CASE("evlog dead-letters drop: asks on a terminal, and takes nothing but yes for it") {
    const one_letter t;
    const words drop{support::tool("evlog"), "dead-letters", t.name(), "drop", "billing", "17"};
    const finished no = on_terminal(drop, "\n");
    if (no.code == -1) {
        MESSAGE("no pseudo-terminal here: not tested");
        return;
    }
    CHECK(no.code == 1);
    CHECK(has(no.err, "drop 1 dead letter of billing for good? [y/N] "));
    CHECK(has(no.err, "nothing was dropped"));
    CHECK(on_terminal(drop, "maybe\n").code == 1);
    CHECK(t.open_letters("billing") == "17 dead");
    const finished yes = on_terminal(drop, "y\n");
    CHECK(yes.code == 0);
    CHECK(has(yes.err, "dropped 1 dead letter"));
    CHECK(t.open_letters("billing").empty());
}

TEST_CASE("evlog dead-letters: a damaged journal ends with 4, is left as it is, and hides nobody else's letters") {
    const one_letter t;
    t.add("audit", {{.seq = 18}, {.seq = 19}});
    const std::string path = t.only_segment();
    std::string bytes = support::read_file(path);
    t.add("billing", {{.seq = 20}}); // so that the flipped bit is damage, and no end that was never finished
    bytes = support::read_file(t.only_segment());
    bytes[200] = static_cast<char>(bytes[200] ^ 1);
    std::ofstream(t.only_segment(), std::ios::binary) << bytes;
    const finished f = t.dead_letters();
    CHECK(f.code == 4);
    CHECK(f.out_lines().size() == 3);
    CHECK(has(f.out, "audit"));
    CHECK(has(f.err, "open letters of billing"));
    CHECK(has(f.err, "audit: 2 dead letters"));
    for (const words& w : {words{"billing"}, words{"show", "billing", "17"}, words{"requeue", "billing", "17"}, words{"drop", "billing", "20", "--yes"}}) {
        const finished one = t.dead_letters(w);
        CAPTURE(one.err);
        CHECK(one.code == 4);
        CHECK(one.out.empty());
    }
    CHECK(support::read_file(t.only_segment()) == bytes);
}

TEST_CASE("evlog dead-letters: of a journal that ends before what the cursor knows of it, nothing is changed, and who looks is told") {
    one_letter t;
    const std::string whole = support::read_file(t.only_segment());
    t.add("billing", {{.seq = 18}});
    {
        const evbus::seq_t last = t.open("billing", true).last();
        evbus::log::cursor_store store = evbus::log::cursor_store::open(evbus::log::posix(), t.dir_of_log(), "billing", "test");
        REQUIRE(store.save({.bus = t.bus->id(), .place = {.next = 1, .walk_from = 1}, .notes = {.letters = last}}) == 0);
    }
    CHECK(t.dead_letters().code == 0);
    // Its last write is gone, as if it had never been finished: a worker that found later ones here would take it for whole.
    std::ofstream(t.only_segment(), std::ios::binary) << whole;
    for (const words& w : {words{"requeue", "billing", "17"}, words{"drop", "billing", "17", "--yes"}}) {
        const finished f = t.dead_letters(w);
        CAPTURE(f.err);
        CHECK(f.code == 4);
        CHECK(has(f.err, "the cursor remembers letters up to"));
        CHECK(has(f.err, "evlog cursors DIR reset billing"));
        CHECK(support::read_file(t.only_segment()) == whole);
    }
    const finished list = t.dead_letters();
    CHECK(list.code == 4);
    CHECK(has(list.out, "no route"));
    CHECK(has(list.err, "the cursor remembers letters up to"));
    fs::remove_all(t.journal_dir("billing"));
    const finished none = t.dead_letters();
    CHECK(none.code == 4);
    CHECK(has(none.err, "the cursor remembers letters up to"));
    CHECK(t.dead_letters({"requeue", "billing", "17"}).code == 4);
    CHECK(!fs::exists(t.journal_dir("billing")));
}

TEST_CASE("evlog dead-letters: a pipe in a segment's place is named, and nobody waits for who writes into it") {
    const one_letter t;
    const std::string path = t.only_segment();
    fs::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    for (const words& w : {words{}, words{"requeue", "billing", "17"}}) {
        const finished f = t.dead_letters(w);
        CAPTURE(f.err);
        CHECK(f.code == 2);
        CHECK(has(f.err, path + ": a pipe is in its place"));
        CHECK(has(f.err, "move it away"));
    }
}

TEST_CASE("evlog dead-letters: another bus's journal is refused") {
    const one_letter other;
    letters_fixture t;
    fs::create_directories(t.dir_of_log().dead_letters());
    fs::copy(other.journal_dir("billing"), t.journal_dir("billing"), fs::copy_options::recursive);
    for (const words& w : {words{}, words{"show", "billing", "17"}, words{"requeue", "billing", "17"}}) {
        const finished f = t.dead_letters(w);
        CAPTURE(f.err);
        CHECK(f.code == 2);
        CHECK(f.out.empty());
        CHECK(has(f.err, "bus"));
    }
}

TEST_CASE("evlog dead-letters: while somebody writes, looking goes on and changing waits, then names who it is") {
    const one_letter t;
    const auto held = evbus::log::lock_file::try_acquire(evbus::log::posix(), t.journal_dir("billing") + "/LOCK", "test", "billing", 0600);
    REQUIRE(held);
    CHECK(t.dead_letters().code == 0);
    CHECK(t.dead_letters({"show", "billing", "17"}).code == 0);
    const finished f = t.dead_letters({"requeue", "billing", "17"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "in use by process " + std::to_string(::getpid()) + " (billing)"));
    CHECK(t.open_letters("billing") == "17 dead");
}

TEST_CASE("evlog dead-letters: who may not read, or not write, is told so") {
    if (::geteuid() != 0) return;
    const one_letter t;
    const auto as_nobody = [&](words more) {
        words w{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", support::tool("evlog")};
        w.insert(w.end(), more.begin(), more.end());
        return run(w, {}, letters_fixture::environment());
    };
    if (as_nobody({"--version"}).code != 0) return;
    fs::permissions(t.dir(), fs::perms::others_read | fs::perms::others_exec, fs::perm_options::add);
    const auto open_for_reading = [](const std::string& path) {
        for (const auto& e : fs::recursive_directory_iterator(path)) fs::permissions(e.path(), fs::perms::others_read | fs::perms::others_exec, fs::perm_options::add);
        fs::permissions(path, fs::perms::others_read | fs::perms::others_exec, fs::perm_options::add);
    };
    open_for_reading(t.log());
    CHECK(as_nobody({"dead-letters", t.log()}).code == 0);
    const finished change = as_nobody({"dead-letters", t.log(), "requeue", "billing", "17"});
    CHECK(change.code == 2);
    CHECK(has(change.err, "permission denied"));
    fs::permissions(t.journal_dir("billing") + "/segments", fs::perms::owner_all);
    const finished look = as_nobody({"dead-letters", t.log()});
    CHECK(look.code == 2);
    CHECK(has(look.err, "ermission denied"));
    CHECK(t.open_letters("billing") == "17 dead");
}

TEST_CASE("evlog dead-letters: on a disk that is full a letter stays what it was") {
    const one_letter t;
    const finished f = run({"bash", "-c", "ulimit -f 0; exec \"$0\" dead-letters \"$1\" requeue billing 17", support::tool("evlog"), t.log()});
    CAPTURE(f.err);
    CHECK(f.code == 2);
    CHECK(f.signal == 0);
    CHECK(has(f.err, "limit"));
    CHECK(t.open_letters("billing") == "17 dead");
    CHECK(t.dead_letters({"requeue", "billing", "17"}).code == 0);
    CHECK(t.open_letters("billing") == "17 waiting");
}

TEST_CASE("evlog: the log itself is verified, shown and retained as if there were no letters; repair takes them along") {
    one_letter t;
    t.publish_numbers(5);
    t.record_all();
    const auto evlog = [&](words more) {
        more.insert(more.begin(), support::tool("evlog"));
        return run(more, {}, letters_fixture::environment());
    };
    const finished verify = evlog({"verify", t.log()});
    CHECK(verify.code == 0);
    CHECK(!has(verify.out, "dead-letters"));
    const finished info = evlog({"info", t.log()});
    CHECK(info.code == 0);
    CHECK(has(info.out, "letters    of billing; evlog dead-letters shows them"));
    CHECK(evlog({"retain", t.log(), "--keep-segments", "1", "--do"}).code == 0);
    CHECK(evlog({"verify", t.journal_dir("billing")}).code == 0);
    CHECK(t.open_letters("billing") == "17 dead");
    const std::string anew = t.file("anew");
    CHECK(evlog({"repair", t.log(), "--to", anew}).code == 0);
    const finished there = t.evlog_of(anew, {"show", "billing", "17", "--raw"});
    CHECK(there.out == "coffee");
    CHECK(there.code == 0);
}
