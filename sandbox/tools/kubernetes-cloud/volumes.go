package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/record"
)

const (
	blockProvisioner  = "dobs.csi.digitalocean.com"
	sharedProvisioner = "shared.sandbox"
	byAnnotation      = "pv.kubernetes.io/provisioned-by"
)

// Volumes are directories on the node's disk. A pod with an fsGroup gets them as it gets a file system of its own; their size is not
// enforced.
type volumes struct {
	client    kubernetes.Interface
	claims    listers.PersistentVolumeClaimLister
	volumes   listers.PersistentVolumeLister
	classes   storagelisters.StorageClassLister
	directory string
	events    record.EventRecorder
	refused   map[string]bool
}

func newVolumes(client kubernetes.Interface, factory informers.SharedInformerFactory, directory string) *volumes {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typed.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &volumes{
		client:    client,
		claims:    factory.Core().V1().PersistentVolumeClaims().Lister(),
		volumes:   factory.Core().V1().PersistentVolumes().Lister(),
		classes:   factory.Storage().V1().StorageClasses().Lister(),
		directory: directory,
		events:    broadcaster.NewRecorder(scheme.Scheme, core.EventSource{Component: blockProvisioner}),
		refused:   map[string]bool{},
	}
}

func (v *volumes) sync(ctx context.Context) error {
	claims, err := v.claims.List(labels.Everything())
	if err != nil {
		return err
	}
	there, err := v.volumes.List(labels.Everything())
	if err != nil {
		return err
	}
	var problems []error
	for _, claim := range claims {
		problems = append(problems, v.provision(ctx, claim), v.grow(ctx, claim))
	}
	for _, volume := range there {
		problems = append(problems, v.remove(ctx, volume))
	}
	return errors.Join(problems...)
}

func (v *volumes) provision(ctx context.Context, claim *core.PersistentVolumeClaim) error {
	class := v.classOf(claim)
	if class == nil || claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil {
		return nil
	}
	name := "pvc-" + string(claim.UID)
	if _, err := v.volumes.Get(name); err == nil {
		return nil
	}
	once := slices.Equal(claim.Spec.AccessModes, []core.PersistentVolumeAccessMode{core.ReadWriteOnce}) ||
		slices.Equal(claim.Spec.AccessModes, []core.PersistentVolumeAccessMode{core.ReadWriteOncePod})
	if class.Provisioner == blockProvisioner && !once {
		if !v.refused[name] {
			v.refused[name] = true
			v.events.Eventf(claim, core.EventTypeWarning, "ProvisioningFailed",
				"failed to provision volume with StorageClass %q: a block storage volume is ReadWriteOnce, not %v", class.Name, claim.Spec.AccessModes)
		}
		return nil
	}
	directory := filepath.Join(v.directory, name)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if class.Provisioner == blockProvisioner {
		// A volume is an ext4 file system of its own, and that is not empty: PostgreSQL, for one, refuses such a data directory.
		if err := os.MkdirAll(filepath.Join(directory, "lost+found"), 0o700); err != nil {
			return err
		}
	}
	volume := &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{byAnnotation: class.Provisioner}},
		Spec: core.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			ClaimRef:                      &core.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeReclaimPolicy: *class.ReclaimPolicy,
			PersistentVolumeSource:        core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: directory}},
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			// A local volume must say where it is; there is one node, and it may have another name one day.
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{
				{MatchExpressions: []core.NodeSelectorRequirement{{Key: core.LabelHostname, Operator: core.NodeSelectorOpExists}}},
			}}},
		},
	}
	if _, err := v.client.CoreV1().PersistentVolumes().Create(ctx, volume, meta.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	v.events.Eventf(claim, core.EventTypeNormal, "ProvisioningSucceeded", "Successfully provisioned volume %s", name)
	return nil
}

// grow gives a claim that asks for more than it has what it asks for.
func (v *volumes) grow(ctx context.Context, claim *core.PersistentVolumeClaim) error {
	asked, has := claim.Spec.Resources.Requests[core.ResourceStorage], claim.Status.Capacity[core.ResourceStorage]
	if v.classOf(claim) == nil || claim.Status.Phase != core.ClaimBound || asked.Cmp(has) <= 0 {
		return nil
	}
	volume, err := v.volumes.Get(claim.Spec.VolumeName)
	if err != nil {
		return err
	}
	if capacity := volume.Spec.Capacity[core.ResourceStorage]; capacity.Cmp(asked) < 0 {
		changed := volume.DeepCopy()
		changed.Spec.Capacity[core.ResourceStorage] = asked
		if _, err := v.client.CoreV1().PersistentVolumes().Update(ctx, changed, meta.UpdateOptions{}); err != nil {
			return err
		}
	}
	changed := claim.DeepCopy()
	changed.Status.Capacity[core.ResourceStorage] = asked
	changed.Status.Conditions = nil
	_, err = v.client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, changed, meta.UpdateOptions{})
	return err
}

// remove takes away what nobody claims any more, if its class says so.
func (v *volumes) remove(ctx context.Context, volume *core.PersistentVolume) error {
	local := volume.Spec.Local
	ours := local != nil && filepath.Dir(local.Path) == v.directory && isOurs(volume.Annotations[byAnnotation])
	if !ours || volume.Status.Phase != core.VolumeReleased || volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete {
		return nil
	}
	if err := os.RemoveAll(local.Path); err != nil {
		return fmt.Errorf("removing %s: %w", volume.Name, err)
	}
	err := v.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// classOf is nil for a claim that another provisioner is to serve.
func (v *volumes) classOf(claim *core.PersistentVolumeClaim) *storage.StorageClass {
	if claim.Spec.StorageClassName == nil {
		return nil
	}
	class, err := v.classes.Get(*claim.Spec.StorageClassName)
	if err != nil || !isOurs(class.Provisioner) {
		return nil
	}
	return class
}

func isOurs(provisioner string) bool {
	return provisioner == blockProvisioner || provisioner == sharedProvisioner
}
