package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
)

const (
	// DigitalOcean's controller notes here which load balancer is the service's.
	idAnnotation            = "kubernetes.digitalocean.com/load-balancer-id"
	proxyProtocolAnnotation = "service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol"
	dialLimit               = 5 * time.Second
)

// As DigitalOcean's does, a load balancer passes connections on to the node's port of the service. There is one address, so a port
// belongs to the oldest service that wants it; another service waits for it.
type loadBalancers struct {
	client    kubernetes.Interface
	services  listers.ServiceLister
	node      string
	address   string
	listening map[int32]*frontend
}

type target struct {
	address       string
	proxyProtocol bool
}

func newLoadBalancers(client kubernetes.Interface, factory informers.SharedInformerFactory, node, address string) *loadBalancers {
	return &loadBalancers{client, factory.Core().V1().Services().Lister(), node, address, map[int32]*frontend{}}
}

func (l *loadBalancers) sync(ctx context.Context) error {
	services, err := l.services.List(labels.Everything())
	if err != nil {
		return err
	}
	services = slices.DeleteFunc(slices.Clone(services), func(service *core.Service) bool {
		return service.Spec.Type != core.ServiceTypeLoadBalancer || service.Spec.LoadBalancerClass != nil || service.DeletionTimestamp != nil
	})
	slices.SortFunc(services, func(one, other *core.Service) int {
		if order := one.CreationTimestamp.Compare(other.CreationTimestamp.Time); order != 0 {
			return order
		}
		return strings.Compare(string(one.UID), string(other.UID))
	})
	wanted := map[int32]target{}
	served := map[*core.Service]bool{}
	for _, service := range services {
		targets := l.targets(service)
		free := len(targets) > 0
		for port := range targets {
			_, taken := wanted[port]
			free = free && !taken
		}
		if !free {
			continue
		}
		served[service] = true
		for port, target := range targets {
			wanted[port] = target
		}
	}
	problems := []error{l.listen(wanted)}
	for _, service := range services {
		problems = append(problems, l.report(ctx, service, served[service]))
	}
	return errors.Join(problems...)
}

// targets is empty as long as the service has no ports on the node.
func (l *loadBalancers) targets(service *core.Service) map[int32]target {
	targets := map[int32]target{}
	for _, port := range service.Spec.Ports {
		if port.Protocol != core.ProtocolTCP || port.NodePort == 0 {
			return nil
		}
		address := net.JoinHostPort(l.node, fmt.Sprint(port.NodePort))
		targets[port.Port] = target{address, service.Annotations[proxyProtocolAnnotation] == "true"}
	}
	return targets
}

func (l *loadBalancers) listen(wanted map[int32]target) error {
	var problems []error
	for port, frontend := range l.listening {
		if wanted[port] != frontend.target {
			_ = frontend.listener.Close()
			delete(l.listening, port)
		}
	}
	for port, target := range wanted {
		if l.listening[port] != nil {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(l.node, fmt.Sprint(port)))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		frontend := &frontend{listener, target}
		l.listening[port] = frontend
		go frontend.serve()
	}
	return errors.Join(problems...)
}

// report says in the service's status at which address it answers.
func (l *loadBalancers) report(ctx context.Context, service *core.Service, served bool) error {
	var status core.LoadBalancerStatus
	if served {
		// Proxy: in the cluster, too, the address is the load balancer's and not the service's.
		mode := core.LoadBalancerIPModeProxy
		status.Ingress = []core.LoadBalancerIngress{{IP: l.address, IPMode: &mode}}
	}
	services := l.client.CoreV1().Services(service.Namespace)
	if served && service.Annotations[idAnnotation] == "" {
		changed := service.DeepCopy()
		meta.SetMetaDataAnnotation(&changed.ObjectMeta, idAnnotation, string(service.UID))
		updated, err := services.Update(ctx, changed, meta.UpdateOptions{})
		if err != nil {
			return err
		}
		service = updated
	}
	if equality.Semantic.DeepEqual(service.Status.LoadBalancer, status) {
		return nil
	}
	changed := service.DeepCopy()
	changed.Status.LoadBalancer = status
	_, err := services.UpdateStatus(ctx, changed, meta.UpdateOptions{})
	if err == nil {
		log.Printf("%s/%s: answers outside: %t", service.Namespace, service.Name, served)
	}
	return err
}

// Marked, so that network policies hold for it.
var fromOutside = net.Dialer{Timeout: dialLimit, Control: func(_, _ string, socket syscall.RawConn) error {
	var failed error
	if err := socket.Control(func(descriptor uintptr) {
		failed = syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_MARK, outsideMark)
	}); err != nil {
		return err
	}
	return failed
}}

// One port of the load balancer.
type frontend struct {
	listener net.Listener
	target   target
}

func (f *frontend) serve() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		go f.pass(client)
	}
}

func (f *frontend) pass(client net.Conn) {
	server, err := fromOutside.Dial("tcp", f.target.address)
	if err != nil {
		_ = client.Close()
		return
	}
	if f.target.proxyProtocol {
		from, to := client.RemoteAddr().(*net.TCPAddr), client.LocalAddr().(*net.TCPAddr)
		fmt.Fprintf(server, "PROXY TCP4 %s %s %d %d\r\n", from.IP, to.IP, from.Port, to.Port)
	}
	splice(client, server)
}
