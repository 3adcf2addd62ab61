#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {

std::function<void(Scene&, Firing&)> at_tcp(std::string address) {
  return [address = std::move(address)](Scene& scene, Firing& firing) {
    const int port = scene.listen_tcp(address);
    if (port < 0) firing.skipped = "no service can listen at " + address;
    firing.args = {address, std::to_string(port)};
  };
}

/// An address of this machine that others see.
std::string own_address() {
  ifaddrs* all = nullptr;
  std::string found;
  if (::getifaddrs(&all) != 0) return found;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET_ADDRSTRLEN];
    sockaddr_in place{};
    std::memcpy(&place, one->ifa_addr, sizeof place);
    if (::inet_ntop(AF_INET, &place.sin_addr, text, sizeof text) != nullptr) found = text;
  }
  ::freeifaddrs(all);
  return found;
}

/// Two at a time, each the other's partner.
void fire_twice(Scene& scene, Firing& firing) {
  Firing other = firing;
  std::swap(other.args[0], other.args[1]);
  std::thread partner([&] { fire(scene, other); });
  fire(scene, firing);
  partner.join();
  firing.out += other.out;
}

}  // namespace

void add_network_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"network.tcp_loopback", "calls a service of the machine at 127.0.0.1", "tcp_to", {}, false, at_tcp("127.0.0.1"), was_heard});
  add({"network.tcp_loopback6", "calls a service of the machine at ::1", "tcp_to", {}, false, at_tcp("::1"), was_heard});
  add({"network.udp",
       "sends a datagram to a service of the machine",
       "udp_to",
       {},
       false,
       [](Scene& scene, Firing& firing) { firing.args = {"127.0.0.1", std::to_string(scene.listen_udp())}; },
       was_heard});
  add({"network.http",
       "asks a web service of the machine, as aicoder's own server is one",
       "http_get",
       {},
       false,
       at_tcp("127.0.0.1"),
       has_secret});
  add({"network.address",
       "calls the machine by the address others see",
       "tcp_to",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         const std::string address = own_address();
         if (address.empty()) {
           firing.skipped = "this machine has no address but loopback";
           return;
         }
         at_tcp(address)(scene, firing);
       },
       was_heard});
  add({"network.interfaces", "finds the network interfaces of the machine", "find_interfaces"});
  add({"network.raw_socket", "opens a raw socket", "raw_socket", {}, true});
  add({"network.packet_socket", "reads packets of others", "packet_socket", {}, true});
  add({"network.vsock", "calls the hypervisor past the network namespace", "vsock"});
  add({"network.kernel_crypto", "uses the kernel's cryptography by a socket", "kernel_crypto"});
  add({"network.other_netlink", "talks to other parts of the kernel by netlink", "other_netlink"});
  add({"network.new_interface", "makes a network interface", "new_interface", {}, true});
  add({"network.change_interface", "switches a network interface", "change_interface", {}, true});
  add({"network.other_families", "opens sockets of any other family", "other_families"});
  add({"network.other_protocols", "opens sockets of protocols beyond TCP and UDP", "other_protocols"});
}

void add_ipc_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  const auto key = [](Scene& scene, Firing& firing) { firing.args = {std::to_string(scene.ipc_key())}; };
  add({"ipc.abstract_socket",
       "calls a socket of the host by an abstract name",
       "unix_to",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         scene.listen_unix("@" + scene.nonce);
         firing.args = {"@" + scene.nonce};
       },
       was_heard});
  add({"ipc.path_socket",
       "calls a socket of the host by its path (a container daemon, a key agent)",
       "unix_to",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         const auto path = scene.folder / "socket";
         scene.listen_unix(path.string());
         firing.args = {path.string()};
       },
       was_heard});
  add({"ipc.socket_in_shown_folder",
       "calls a socket in a folder that it may read",
       "unix_to",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         const auto path = scene.shared() / "socket";
         scene.listen_unix(path.string());
         firing.args = {path.string()};
         firing.request.read_only.push_back(scene.shared());
       },
       was_heard});
  add({"ipc.fifo_in_shown_folder",
       "writes into a pipe in a folder that it may read",
       "write_path",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         const auto path = scene.shared() / "pipe";
         if (::mkfifo(path.c_str(), 0666) != 0) firing.skipped = "no pipe can be made";
         ::chmod(path.c_str(), 0666);
         firing.args = {path.string()};
         firing.request.read_only.push_back(scene.shared());
       },
       [](Scene&, const Firing& firing) { return firing.exit_code == 99; },
       [](Scene& scene, Firing& firing) {
         const box::UniqueFd reader(::open((scene.shared() / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
         fire(scene, firing);
         char text[128] = {};
         if (::read(reader.get(), text, sizeof text - 1) > 0 && scene.nonce == text) firing.exit_code = 99;
       }});
  add({"ipc.shared_memory",
       "reads System V shared memory of the host",
       "shared_segment",
       {},
       false,
       [key](Scene& scene, Firing& firing) {
         scene.make_segment();
         key(scene, firing);
       },
       has_secret});
  add({"ipc.shared_memory_left", "leaves System V shared memory behind", "leave_segment", {}, false, key, [](Scene& scene, const Firing&) {
         return scene.segment_left();
       }});
  add({"ipc.message_queue",
       "sends to a System V queue of the host",
       "message_queue",
       {},
       false,
       [key](Scene& scene, Firing& firing) {
         scene.make_message_queue();
         key(scene, firing);
       },
       [](Scene& scene, const Firing&) { return scene.message_arrived(); }});
  add({"ipc.semaphore",
       "raises a System V semaphore of the host",
       "semaphore",
       {},
       false,
       [key](Scene& scene, Firing& firing) {
         scene.make_semaphore();
         key(scene, firing);
       },
       [](Scene& scene, const Firing&) { return scene.semaphore_raised(); }});
  add({"ipc.posix_queue",
       "sends to a POSIX queue of the host",
       "posix_queue",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         if (!scene.make_posix_queue()) firing.skipped = "this kernel has no POSIX message queues";
         firing.args = {scene.nonce};
       },
       [](Scene& scene, const Firing&) { return scene.posix_message_arrived(); }});
  add({"ipc.posix_shared_memory",
       "reads POSIX shared memory of the host",
       "read_path",
       {},
       false,
       [](Scene& scene, Firing& firing) { firing.args = {"/dev/shm/" + scene.nonce}; },
       has_secret,
       [](Scene& scene, Firing& firing) {
         const std::string path = "/dev/shm/" + scene.nonce;
         if (const box::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)); fd) {
           (void)!::write(fd.get(), scene.secret.data(), scene.secret.size());
         }
         fire(scene, firing);
         ::unlink(path.c_str());
       }});
  for (const char* folder : {"/dev/shm", "/tmp"}) {
    const std::string name = folder == std::string("/tmp") ? "ipc.tmp_of_two_boxes" : "ipc.shm_of_two_boxes";
    add({name,
         std::string("meets another box in ") + folder,
         "exchange_notes",
         {},
         false,
         [folder](Scene& scene, Firing& firing) {
           const std::string stem = std::string(folder) + "/" + scene.nonce;
           firing.args = {stem + "-a", stem + "-b"};
         },
         {},
         [](Scene& scene, Firing& firing) {
           fire_twice(scene, firing);
           for (const std::string& path : firing.args) ::unlink(path.c_str());
         }});
  }
  add({"ipc.sockets_of_two_boxes",
       "calls another box by an abstract name",
       "exchange_calls",
       {},
       false,
       [](Scene& scene, Firing& firing) { firing.args = {"@a-" + scene.nonce, "@b-" + scene.nonce}; },
       {},
       fire_twice});
  add({"ipc.inherited_descriptor",
       "reads what the starting program left open",
       "inherited_descriptors",
       {},
       false,
       {},
       has_secret,
       [](Scene& scene, Firing& firing) {
         fire_in_child(scene, firing, [&scene] { (void)::open(scene.secret_file().c_str(), O_RDONLY); });  // without O_CLOEXEC
       }});
  add({"ipc.forged_report",
       "tells the watching host that it ended well",
       "forge_report",
       {},
       false,
       [](Scene&, Firing& firing) { firing.args = {firing.inside ? "1" : "0"}; },
       {},
       [](Scene& scene, Firing& firing) {
         fire_in_child(scene, firing, [] {
           int pair[2];
           (void)::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);  // as a watcher without care would leave it open
         });
       }});
}

}  // namespace aicoder::attack
