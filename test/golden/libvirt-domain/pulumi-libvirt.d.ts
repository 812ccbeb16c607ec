// Stands in for the package that `pulumi package add terraform-provider dmacvicar/libvirt` generates; written by test/components/libvirt-domain.test.ts from its schema.
declare module "@pulumi/libvirt" {
  import type * as pulumi from "@pulumi/pulumi";

  export interface DomainArgs {
    autostart?: pulumi.Input<boolean>;
    bhyveCommandline?: pulumi.Input<object>;
    blockIoTune?: pulumi.Input<object>;
    bootloader?: pulumi.Input<string>;
    bootloaderArgs?: pulumi.Input<string>;
    clock?: pulumi.Input<{
      adjustment?: pulumi.Input<string>;
      basis?: pulumi.Input<string>;
      offset?: pulumi.Input<string>;
      start?: pulumi.Input<number>;
      timeZone?: pulumi.Input<string>;
      timers?: pulumi.Input<pulumi.Input<{
        catchUp?: pulumi.Input<object>;
        frequency?: pulumi.Input<number>;
        mode?: pulumi.Input<string>;
        name: pulumi.Input<string>;
        present?: pulumi.Input<string>;
        tickPolicy?: pulumi.Input<string>;
        track?: pulumi.Input<string>;
      }>[]>;
    }>;
    cpu?: pulumi.Input<{
      cache?: pulumi.Input<{
        level?: pulumi.Input<number>;
        mode: pulumi.Input<string>;
      }>;
      check?: pulumi.Input<string>;
      deprecatedFeatures?: pulumi.Input<string>;
      features?: pulumi.Input<pulumi.Input<{
        name?: pulumi.Input<string>;
        policy?: pulumi.Input<string>;
      }>[]>;
      match?: pulumi.Input<string>;
      maxPhysAddr?: pulumi.Input<{
        bits?: pulumi.Input<number>;
        limit?: pulumi.Input<number>;
        mode: pulumi.Input<string>;
      }>;
      migratable?: pulumi.Input<boolean>;
      mode?: pulumi.Input<string>;
      model?: pulumi.Input<string>;
      modelFallback?: pulumi.Input<string>;
      modelVendorId?: pulumi.Input<string>;
      numa?: pulumi.Input<{
        cells?: pulumi.Input<pulumi.Input<{
          caches?: pulumi.Input<pulumi.Input<object>[]>;
          cpus?: pulumi.Input<string>;
          discard?: pulumi.Input<string>;
          distances?: pulumi.Input<{
            siblings?: pulumi.Input<pulumi.Input<{
              id: pulumi.Input<number>;
              value: pulumi.Input<number>;
            }>[]>;
          }>;
          id?: pulumi.Input<number>;
          memAccess?: pulumi.Input<string>;
          memory: pulumi.Input<number>;
          unit?: pulumi.Input<string>;
        }>[]>;
        interconnects?: pulumi.Input<object>;
      }>;
      topology?: pulumi.Input<{
        clusters?: pulumi.Input<number>;
        cores?: pulumi.Input<number>;
        dies?: pulumi.Input<number>;
        sockets?: pulumi.Input<number>;
        threads?: pulumi.Input<number>;
      }>;
      vendor?: pulumi.Input<string>;
    }>;
    cpuTune?: pulumi.Input<{
      cacheTunes?: pulumi.Input<pulumi.Input<{
        caches?: pulumi.Input<pulumi.Input<{
          id: pulumi.Input<number>;
          level: pulumi.Input<number>;
          size: pulumi.Input<number>;
          type: pulumi.Input<string>;
          unit: pulumi.Input<string>;
        }>[]>;
        id?: pulumi.Input<string>;
        monitors?: pulumi.Input<pulumi.Input<{
          level?: pulumi.Input<number>;
          vcpus?: pulumi.Input<string>;
        }>[]>;
        vcpus?: pulumi.Input<string>;
      }>[]>;
      emulatorPeriod?: pulumi.Input<number>;
      emulatorPin?: pulumi.Input<{
        cpuSet: pulumi.Input<string>;
      }>;
      emulatorQuota?: pulumi.Input<number>;
      emulatorSched?: pulumi.Input<{
        priority?: pulumi.Input<number>;
        scheduler?: pulumi.Input<string>;
      }>;
      globalPeriod?: pulumi.Input<number>;
      globalQuota?: pulumi.Input<number>;
      ioThreadPeriod?: pulumi.Input<number>;
      ioThreadPins?: pulumi.Input<pulumi.Input<{
        cpuSet: pulumi.Input<string>;
        ioThread: pulumi.Input<number>;
      }>[]>;
      ioThreadQuota?: pulumi.Input<number>;
      ioThreadScheds?: pulumi.Input<pulumi.Input<object>[]>;
      memoryTunes?: pulumi.Input<pulumi.Input<{
        monitors?: pulumi.Input<pulumi.Input<object>[]>;
        nodes?: pulumi.Input<pulumi.Input<{
          bandwidth: pulumi.Input<number>;
          id: pulumi.Input<number>;
        }>[]>;
        vcpus: pulumi.Input<string>;
      }>[]>;
      period?: pulumi.Input<number>;
      quota?: pulumi.Input<number>;
      shares?: pulumi.Input<number>;
      vcpuPins?: pulumi.Input<pulumi.Input<{
        cpuSet: pulumi.Input<string>;
        vcpu: pulumi.Input<number>;
      }>[]>;
      vcpuScheds?: pulumi.Input<pulumi.Input<{
        priority?: pulumi.Input<number>;
        scheduler?: pulumi.Input<string>;
        vcpus: pulumi.Input<string>;
      }>[]>;
    }>;
    create?: pulumi.Input<object>;
    currentMemory?: pulumi.Input<number>;
    currentMemoryUnit?: pulumi.Input<string>;
    defaultIoThread?: pulumi.Input<object>;
    description?: pulumi.Input<string>;
    destroy?: pulumi.Input<{
      graceful?: pulumi.Input<boolean>;
      shutdown?: pulumi.Input<object>;
    }>;
    devices?: pulumi.Input<{
      audios?: pulumi.Input<pulumi.Input<object>[]>;
      channels?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        log?: pulumi.Input<object>;
        protocol?: pulumi.Input<object>;
        source?: pulumi.Input<{
          dbus?: pulumi.Input<object>;
          dev?: pulumi.Input<object>;
          file?: pulumi.Input<object>;
          nmdm?: pulumi.Input<object>;
          null?: pulumi.Input<boolean>;
          pipe?: pulumi.Input<object>;
          pty?: pulumi.Input<object>;
          qemuVdAgent?: pulumi.Input<object>;
          spicePort?: pulumi.Input<object>;
          spiceVmc?: pulumi.Input<boolean>;
          stdIo?: pulumi.Input<boolean>;
          tcp?: pulumi.Input<object>;
          udp?: pulumi.Input<object>;
          unix?: pulumi.Input<{
            mode?: pulumi.Input<string>;
            path?: pulumi.Input<string>;
            reconnect?: pulumi.Input<object>;
            secLabels?: pulumi.Input<pulumi.Input<object>[]>;
          }>;
          vc?: pulumi.Input<boolean>;
        }>;
        target?: pulumi.Input<{
          guestFwd?: pulumi.Input<object>;
          virtIo?: pulumi.Input<{
            name?: pulumi.Input<string>;
            state?: pulumi.Input<string>;
          }>;
          xen?: pulumi.Input<object>;
        }>;
      }>[]>;
      consoles?: pulumi.Input<pulumi.Input<object>[]>;
      controllers?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        driver?: pulumi.Input<object>;
        index?: pulumi.Input<number>;
        model?: pulumi.Input<string>;
        nvme?: pulumi.Input<object>;
        pci?: pulumi.Input<object>;
        type: pulumi.Input<string>;
        usb?: pulumi.Input<object>;
        virtIoSerial?: pulumi.Input<object>;
        xenBus?: pulumi.Input<object>;
      }>[]>;
      cryptos?: pulumi.Input<pulumi.Input<object>[]>;
      disks?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        auth?: pulumi.Input<object>;
        backendDomain?: pulumi.Input<object>;
        backingStore?: pulumi.Input<object>;
        blockIo?: pulumi.Input<object>;
        boot?: pulumi.Input<object>;
        device?: pulumi.Input<string>;
        driver?: pulumi.Input<{
          ats?: pulumi.Input<string>;
          cache?: pulumi.Input<string>;
          copyOnRead?: pulumi.Input<string>;
          detectZeros?: pulumi.Input<string>;
          discard?: pulumi.Input<string>;
          discardNoUnref?: pulumi.Input<string>;
          errorPolicy?: pulumi.Input<string>;
          eventIdx?: pulumi.Input<string>;
          io?: pulumi.Input<string>;
          ioEventFd?: pulumi.Input<string>;
          ioThread?: pulumi.Input<number>;
          ioThreads?: pulumi.Input<object>;
          iommu?: pulumi.Input<string>;
          metadataCache?: pulumi.Input<object>;
          name?: pulumi.Input<string>;
          packed?: pulumi.Input<string>;
          pagePerVq?: pulumi.Input<string>;
          queueSize?: pulumi.Input<number>;
          queues?: pulumi.Input<number>;
          rerrorPolicy?: pulumi.Input<string>;
          type?: pulumi.Input<string>;
        }>;
        encryption?: pulumi.Input<object>;
        geometry?: pulumi.Input<object>;
        ioTune?: pulumi.Input<object>;
        mirror?: pulumi.Input<object>;
        model?: pulumi.Input<string>;
        product?: pulumi.Input<string>;
        rawIo?: pulumi.Input<string>;
        readOnly?: pulumi.Input<boolean>;
        serial?: pulumi.Input<string>;
        sgio?: pulumi.Input<string>;
        shareable?: pulumi.Input<boolean>;
        snapshot?: pulumi.Input<string>;
        source?: pulumi.Input<{
          block?: pulumi.Input<object>;
          cookies?: pulumi.Input<object>;
          dataStore?: pulumi.Input<object>;
          dir?: pulumi.Input<object>;
          encryption?: pulumi.Input<object>;
          file?: pulumi.Input<{
            fdGroup?: pulumi.Input<string>;
            file?: pulumi.Input<string>;
            secLabels?: pulumi.Input<pulumi.Input<object>[]>;
          }>;
          index?: pulumi.Input<number>;
          network?: pulumi.Input<object>;
          nvme?: pulumi.Input<object>;
          readahead?: pulumi.Input<object>;
          reservations?: pulumi.Input<object>;
          slices?: pulumi.Input<object>;
          ssl?: pulumi.Input<object>;
          startupPolicy?: pulumi.Input<string>;
          timeout?: pulumi.Input<object>;
          vhostUser?: pulumi.Input<object>;
          vhostVdpa?: pulumi.Input<object>;
          volume?: pulumi.Input<object>;
        }>;
        target?: pulumi.Input<{
          bus?: pulumi.Input<string>;
          dev?: pulumi.Input<string>;
          removable?: pulumi.Input<string>;
          rotationRate?: pulumi.Input<number>;
          tray?: pulumi.Input<string>;
        }>;
        throttleFilters?: pulumi.Input<object>;
        transient?: pulumi.Input<object>;
        vendor?: pulumi.Input<string>;
        wwn?: pulumi.Input<string>;
      }>[]>;
      emulator?: pulumi.Input<string>;
      filesystems?: pulumi.Input<pulumi.Input<object>[]>;
      graphics?: pulumi.Input<pulumi.Input<object>[]>;
      hostdevs?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        boot?: pulumi.Input<object>;
        capsMisc?: pulumi.Input<object>;
        capsNet?: pulumi.Input<object>;
        capsStorage?: pulumi.Input<object>;
        managed?: pulumi.Input<boolean>;
        rom?: pulumi.Input<object>;
        subsysMDev?: pulumi.Input<object>;
        subsysPci?: pulumi.Input<{
          display?: pulumi.Input<string>;
          driver?: pulumi.Input<{
            model?: pulumi.Input<string>;
            name?: pulumi.Input<string>;
          }>;
          ramFb?: pulumi.Input<string>;
          source?: pulumi.Input<{
            address?: pulumi.Input<{
              bus?: pulumi.Input<number>;
              domain?: pulumi.Input<number>;
              function?: pulumi.Input<number>;
              multiFunction?: pulumi.Input<string>;
              slot?: pulumi.Input<number>;
              zpci?: pulumi.Input<object>;
            }>;
            writeFiltering?: pulumi.Input<string>;
          }>;
          teaming?: pulumi.Input<object>;
        }>;
        subsysScsi?: pulumi.Input<object>;
        subsysScsiHost?: pulumi.Input<object>;
        subsysUsb?: pulumi.Input<object>;
      }>[]>;
      hubs?: pulumi.Input<pulumi.Input<object>[]>;
      inputs?: pulumi.Input<pulumi.Input<object>[]>;
      interfaces?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        backend?: pulumi.Input<object>;
        backendDomain?: pulumi.Input<object>;
        bandwidth?: pulumi.Input<object>;
        boot?: pulumi.Input<object>;
        coalesce?: pulumi.Input<object>;
        downScript?: pulumi.Input<object>;
        driver?: pulumi.Input<{
          ats?: pulumi.Input<string>;
          eventIdx?: pulumi.Input<string>;
          guest?: pulumi.Input<{
            csum?: pulumi.Input<string>;
            ecn?: pulumi.Input<string>;
            tso4?: pulumi.Input<string>;
            tso6?: pulumi.Input<string>;
            ufo?: pulumi.Input<string>;
          }>;
          host?: pulumi.Input<{
            csum?: pulumi.Input<string>;
            ecn?: pulumi.Input<string>;
            gso?: pulumi.Input<string>;
            mrgRxBuf?: pulumi.Input<string>;
            tso4?: pulumi.Input<string>;
            tso6?: pulumi.Input<string>;
            ufo?: pulumi.Input<string>;
          }>;
          ioEventFd?: pulumi.Input<string>;
          iommu?: pulumi.Input<string>;
          name?: pulumi.Input<string>;
          packed?: pulumi.Input<string>;
          pagePerVq?: pulumi.Input<string>;
          queues?: pulumi.Input<number>;
          rss?: pulumi.Input<string>;
          rssHashReport?: pulumi.Input<string>;
          rxQueueSize?: pulumi.Input<number>;
          txMode?: pulumi.Input<string>;
          txQueueSize?: pulumi.Input<number>;
        }>;
        filterRef?: pulumi.Input<object>;
        guest?: pulumi.Input<object>;
        ips?: pulumi.Input<pulumi.Input<object>[]>;
        link?: pulumi.Input<object>;
        mac?: pulumi.Input<{
          address: pulumi.Input<string>;
          check?: pulumi.Input<string>;
          type?: pulumi.Input<string>;
        }>;
        managed?: pulumi.Input<boolean>;
        model?: pulumi.Input<{
          type: pulumi.Input<string>;
        }>;
        mtu?: pulumi.Input<{
          size: pulumi.Input<number>;
        }>;
        portForwards?: pulumi.Input<pulumi.Input<object>[]>;
        portOptions?: pulumi.Input<object>;
        rom?: pulumi.Input<object>;
        routes?: pulumi.Input<pulumi.Input<object>[]>;
        script?: pulumi.Input<object>;
        source?: pulumi.Input<{
          bridge?: pulumi.Input<{
            bridge: pulumi.Input<string>;
          }>;
          client?: pulumi.Input<object>;
          direct?: pulumi.Input<{
            dev?: pulumi.Input<string>;
            mode?: pulumi.Input<string>;
          }>;
          ethernet?: pulumi.Input<{
            ips?: pulumi.Input<pulumi.Input<object>[]>;
            routes?: pulumi.Input<pulumi.Input<object>[]>;
          }>;
          hostdev?: pulumi.Input<{
            pci?: pulumi.Input<{
              address?: pulumi.Input<{
                bus?: pulumi.Input<number>;
                domain?: pulumi.Input<number>;
                function?: pulumi.Input<number>;
                multiFunction?: pulumi.Input<string>;
                slot?: pulumi.Input<number>;
                zpci?: pulumi.Input<object>;
              }>;
              writeFiltering?: pulumi.Input<string>;
            }>;
            usb?: pulumi.Input<object>;
          }>;
          internal?: pulumi.Input<object>;
          mcast?: pulumi.Input<object>;
          network?: pulumi.Input<{
            bridge?: pulumi.Input<string>;
            network?: pulumi.Input<string>;
            portGroup?: pulumi.Input<string>;
            portId?: pulumi.Input<string>;
          }>;
          null?: pulumi.Input<boolean>;
          server?: pulumi.Input<object>;
          udp?: pulumi.Input<object>;
          user?: pulumi.Input<object>;
          vdpa?: pulumi.Input<{
            device?: pulumi.Input<string>;
          }>;
          vds?: pulumi.Input<object>;
          vhostUser?: pulumi.Input<{
            chardev?: pulumi.Input<{
              dbus?: pulumi.Input<object>;
              dev?: pulumi.Input<object>;
              file?: pulumi.Input<object>;
              nmdm?: pulumi.Input<object>;
              null?: pulumi.Input<boolean>;
              pipe?: pulumi.Input<object>;
              pty?: pulumi.Input<object>;
              qemuVdAgent?: pulumi.Input<object>;
              spicePort?: pulumi.Input<object>;
              spiceVmc?: pulumi.Input<boolean>;
              stdIo?: pulumi.Input<boolean>;
              tcp?: pulumi.Input<object>;
              udp?: pulumi.Input<object>;
              unix?: pulumi.Input<{
                mode?: pulumi.Input<string>;
                path?: pulumi.Input<string>;
                reconnect?: pulumi.Input<object>;
                secLabels?: pulumi.Input<pulumi.Input<object>[]>;
              }>;
              vc?: pulumi.Input<boolean>;
            }>;
            dev: pulumi.Input<string>;
          }>;
        }>;
        target?: pulumi.Input<{
          dev: pulumi.Input<string>;
          managed?: pulumi.Input<boolean>;
        }>;
        teaming?: pulumi.Input<object>;
        trustGuestRxFilters?: pulumi.Input<string>;
        tune?: pulumi.Input<object>;
        virtualPort?: pulumi.Input<{
          params?: pulumi.Input<{
            any?: pulumi.Input<object>;
            midoNet?: pulumi.Input<object>;
            openVSwitch?: pulumi.Input<{
              interfaceId?: pulumi.Input<string>;
              profileId?: pulumi.Input<string>;
            }>;
            vepa8021qbg?: pulumi.Input<object>;
            vnTag8011qbh?: pulumi.Input<object>;
          }>;
        }>;
        vlan?: pulumi.Input<{
          tags?: pulumi.Input<pulumi.Input<{
            id: pulumi.Input<number>;
            nativeMode?: pulumi.Input<string>;
          }>[]>;
          trunk?: pulumi.Input<string>;
        }>;
        waitForIp?: pulumi.Input<object>;
      }>[]>;
      iommu?: pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        driver?: pulumi.Input<{
          awBits?: pulumi.Input<number>;
          cachingMode?: pulumi.Input<string>;
          dmaTranslation?: pulumi.Input<string>;
          eim?: pulumi.Input<string>;
          intRemap?: pulumi.Input<string>;
          iotlb?: pulumi.Input<string>;
          passthrough?: pulumi.Input<string>;
          xtSup?: pulumi.Input<string>;
        }>;
        model: pulumi.Input<string>;
      }>;
      leases?: pulumi.Input<pulumi.Input<object>[]>;
      memBalloon?: pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        autoDeflate?: pulumi.Input<string>;
        driver?: pulumi.Input<object>;
        freePageReporting?: pulumi.Input<string>;
        model: pulumi.Input<string>;
        stats?: pulumi.Input<object>;
      }>;
      memorydevs?: pulumi.Input<pulumi.Input<object>[]>;
      nvram?: pulumi.Input<object>;
      panics?: pulumi.Input<pulumi.Input<object>[]>;
      parallels?: pulumi.Input<pulumi.Input<object>[]>;
      pstore?: pulumi.Input<object>;
      redirDevs?: pulumi.Input<pulumi.Input<object>[]>;
      redirFilters?: pulumi.Input<pulumi.Input<object>[]>;
      rngs?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        backend?: pulumi.Input<{
          builtIn?: pulumi.Input<boolean>;
          egd?: pulumi.Input<object>;
          random?: pulumi.Input<string>;
        }>;
        driver?: pulumi.Input<object>;
        model: pulumi.Input<string>;
        rate?: pulumi.Input<{
          bytes: pulumi.Input<number>;
          period?: pulumi.Input<number>;
        }>;
      }>[]>;
      serials?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        log?: pulumi.Input<object>;
        protocol?: pulumi.Input<object>;
        source?: pulumi.Input<{
          dbus?: pulumi.Input<object>;
          dev?: pulumi.Input<object>;
          file?: pulumi.Input<{
            append?: pulumi.Input<string>;
            path: pulumi.Input<string>;
            secLabels?: pulumi.Input<pulumi.Input<object>[]>;
          }>;
          nmdm?: pulumi.Input<object>;
          null?: pulumi.Input<boolean>;
          pipe?: pulumi.Input<object>;
          pty?: pulumi.Input<object>;
          qemuVdAgent?: pulumi.Input<object>;
          spicePort?: pulumi.Input<object>;
          spiceVmc?: pulumi.Input<boolean>;
          stdIo?: pulumi.Input<boolean>;
          tcp?: pulumi.Input<object>;
          udp?: pulumi.Input<object>;
          unix?: pulumi.Input<object>;
          vc?: pulumi.Input<boolean>;
        }>;
        target?: pulumi.Input<{
          model?: pulumi.Input<object>;
          port?: pulumi.Input<number>;
          type?: pulumi.Input<string>;
        }>;
      }>[]>;
      shmems?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        model?: pulumi.Input<{
          type: pulumi.Input<string>;
        }>;
        msi?: pulumi.Input<{
          enabled?: pulumi.Input<string>;
          ioEventFd?: pulumi.Input<string>;
          vectors?: pulumi.Input<number>;
        }>;
        name: pulumi.Input<string>;
        role?: pulumi.Input<string>;
        server?: pulumi.Input<{
          path?: pulumi.Input<string>;
        }>;
        size?: pulumi.Input<number>;
        sizeUnit?: pulumi.Input<string>;
      }>[]>;
      smartcards?: pulumi.Input<pulumi.Input<object>[]>;
      sounds?: pulumi.Input<pulumi.Input<object>[]>;
      tpms?: pulumi.Input<pulumi.Input<object>[]>;
      videos?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        driver?: pulumi.Input<object>;
        model?: pulumi.Input<{
          accel?: pulumi.Input<object>;
          blob?: pulumi.Input<string>;
          edid?: pulumi.Input<string>;
          heads?: pulumi.Input<number>;
          primary?: pulumi.Input<string>;
          ram?: pulumi.Input<number>;
          resolution?: pulumi.Input<object>;
          type?: pulumi.Input<string>;
          vgaMem?: pulumi.Input<number>;
          vram?: pulumi.Input<number>;
          vram64?: pulumi.Input<number>;
        }>;
      }>[]>;
      vsock?: pulumi.Input<object>;
      watchdogs?: pulumi.Input<pulumi.Input<{
        acpi?: pulumi.Input<object>;
        action?: pulumi.Input<string>;
        address?: pulumi.Input<object>;
        alias?: pulumi.Input<object>;
        model: pulumi.Input<string>;
      }>[]>;
    }>;
    features?: pulumi.Input<{
      acpi?: pulumi.Input<boolean>;
      aia?: pulumi.Input<object>;
      apic?: pulumi.Input<{
        eoi?: pulumi.Input<string>;
      }>;
      asyncTeardown?: pulumi.Input<object>;
      capabilities?: pulumi.Input<object>;
      ccfAssist?: pulumi.Input<object>;
      cfpc?: pulumi.Input<object>;
      gic?: pulumi.Input<object>;
      hap?: pulumi.Input<object>;
      hpt?: pulumi.Input<object>;
      htm?: pulumi.Input<object>;
      hyperV?: pulumi.Input<object>;
      ibs?: pulumi.Input<object>;
      ioapic?: pulumi.Input<{
        driver?: pulumi.Input<string>;
      }>;
      kvm?: pulumi.Input<{
        dirtyRing?: pulumi.Input<{
          size?: pulumi.Input<number>;
          state?: pulumi.Input<string>;
        }>;
        hidden?: pulumi.Input<{
          state?: pulumi.Input<string>;
        }>;
        hintDedicated?: pulumi.Input<{
          state?: pulumi.Input<string>;
        }>;
        pollControl?: pulumi.Input<{
          state?: pulumi.Input<string>;
        }>;
        pvipi?: pulumi.Input<{
          state?: pulumi.Input<string>;
        }>;
      }>;
      msrs?: pulumi.Input<object>;
      nestedHv?: pulumi.Input<object>;
      pae?: pulumi.Input<boolean>;
      pmu?: pulumi.Input<{
        state?: pulumi.Input<string>;
      }>;
      privNet?: pulumi.Input<boolean>;
      ps2?: pulumi.Input<object>;
      pvSpinlock?: pulumi.Input<object>;
      ras?: pulumi.Input<object>;
      sbbc?: pulumi.Input<object>;
      smm?: pulumi.Input<{
        state?: pulumi.Input<string>;
        tseg?: pulumi.Input<number>;
        tsegUnit?: pulumi.Input<string>;
      }>;
      tcg?: pulumi.Input<object>;
      viridian?: pulumi.Input<boolean>;
      vmCoreInfo?: pulumi.Input<object>;
      vmPort?: pulumi.Input<{
        state?: pulumi.Input<string>;
      }>;
      xen?: pulumi.Input<object>;
    }>;
    genId?: pulumi.Input<string>;
    hwuuid?: pulumi.Input<string>;
    idMap?: pulumi.Input<object>;
    ioThreadIDs?: pulumi.Input<object>;
    ioThreads?: pulumi.Input<number>;
    keyWrap?: pulumi.Input<object>;
    launchSecurity?: pulumi.Input<object>;
    lxcNamespace?: pulumi.Input<object>;
    maximumMemory?: pulumi.Input<number>;
    maximumMemorySlots?: pulumi.Input<number>;
    maximumMemoryUnit?: pulumi.Input<string>;
    memory?: pulumi.Input<number>;
    memoryBacking?: pulumi.Input<{
      memoryAccess?: pulumi.Input<{
        mode?: pulumi.Input<string>;
      }>;
      memoryAllocation?: pulumi.Input<{
        mode?: pulumi.Input<string>;
        threads?: pulumi.Input<number>;
      }>;
      memoryDiscard?: pulumi.Input<boolean>;
      memoryHugePages?: pulumi.Input<{
        hugepages?: pulumi.Input<pulumi.Input<{
          nodeset?: pulumi.Input<string>;
          size: pulumi.Input<number>;
          unit?: pulumi.Input<string>;
        }>[]>;
      }>;
      memoryLocked?: pulumi.Input<boolean>;
      memoryNosharepages?: pulumi.Input<boolean>;
      memorySource?: pulumi.Input<{
        type?: pulumi.Input<string>;
      }>;
    }>;
    memoryDumpCore?: pulumi.Input<string>;
    memoryTune?: pulumi.Input<{
      hardLimit?: pulumi.Input<number>;
      hardLimitUnit?: pulumi.Input<string>;
      minGuarantee?: pulumi.Input<number>;
      minGuaranteeUnit?: pulumi.Input<string>;
      softLimit?: pulumi.Input<number>;
      softLimitUnit?: pulumi.Input<string>;
      swapHardLimit?: pulumi.Input<number>;
      swapHardLimitUnit?: pulumi.Input<string>;
    }>;
    memoryUnit?: pulumi.Input<string>;
    metadata?: pulumi.Input<object>;
    name: pulumi.Input<string>;
    numaTune?: pulumi.Input<{
      memNodes?: pulumi.Input<pulumi.Input<{
        cellId: pulumi.Input<number>;
        mode: pulumi.Input<string>;
        nodeset: pulumi.Input<string>;
      }>[]>;
      memory?: pulumi.Input<{
        mode?: pulumi.Input<string>;
        nodeset?: pulumi.Input<string>;
        placement?: pulumi.Input<string>;
      }>;
    }>;
    onCrash?: pulumi.Input<string>;
    onPoweroff?: pulumi.Input<string>;
    onReboot?: pulumi.Input<string>;
    os?: pulumi.Input<{
      acpi?: pulumi.Input<object>;
      bios?: pulumi.Input<object>;
      bootDevices?: pulumi.Input<pulumi.Input<{
        dev: pulumi.Input<string>;
      }>[]>;
      bootMenu?: pulumi.Input<object>;
      cmdline?: pulumi.Input<string>;
      dtb?: pulumi.Input<string>;
      firmware?: pulumi.Input<string>;
      firmwareInfo?: pulumi.Input<object>;
      init?: pulumi.Input<string>;
      initArgs?: pulumi.Input<pulumi.Input<string>[]>;
      initDir?: pulumi.Input<string>;
      initEnvs?: pulumi.Input<pulumi.Input<object>[]>;
      initGroup?: pulumi.Input<string>;
      initUser?: pulumi.Input<string>;
      initrd?: pulumi.Input<string>;
      kernel?: pulumi.Input<string>;
      loader?: pulumi.Input<string>;
      loaderFormat?: pulumi.Input<string>;
      loaderReadonly?: pulumi.Input<string>;
      loaderSecure?: pulumi.Input<string>;
      loaderStateless?: pulumi.Input<string>;
      loaderType?: pulumi.Input<string>;
      nvRam?: pulumi.Input<object>;
      shim?: pulumi.Input<string>;
      smBios?: pulumi.Input<object>;
      type?: pulumi.Input<string>;
      typeArch?: pulumi.Input<string>;
      typeMachine?: pulumi.Input<string>;
    }>;
    perf?: pulumi.Input<object>;
    pm?: pulumi.Input<{
      suspendToDisk?: pulumi.Input<{
        enabled: pulumi.Input<string>;
      }>;
      suspendToMem?: pulumi.Input<{
        enabled: pulumi.Input<string>;
      }>;
    }>;
    qemuCapabilities?: pulumi.Input<object>;
    qemuCommandline?: pulumi.Input<object>;
    qemuDeprecation?: pulumi.Input<object>;
    qemuOverride?: pulumi.Input<object>;
    resource?: pulumi.Input<object>;
    running?: pulumi.Input<boolean>;
    secLabels?: pulumi.Input<pulumi.Input<object>[]>;
    sysInfos?: pulumi.Input<pulumi.Input<object>[]>;
    throttleGroups?: pulumi.Input<object>;
    title?: pulumi.Input<string>;
    type: pulumi.Input<string>;
    update?: pulumi.Input<object>;
    vcpu?: pulumi.Input<number>;
    vcpuCpuset?: pulumi.Input<string>;
    vcpuCurrent?: pulumi.Input<number>;
    vcpuPlacement?: pulumi.Input<string>;
    vcpus?: pulumi.Input<object>;
    vmwareDataCenterPath?: pulumi.Input<string>;
    xenCommandline?: pulumi.Input<object>;
  }

  export class Domain extends pulumi.CustomResource {
    readonly name: pulumi.Output<string>;
    constructor(name: string, args: DomainArgs, options?: pulumi.CustomResourceOptions);
  }

  export class Network extends pulumi.CustomResource {
    readonly name: pulumi.Output<string>;
    constructor(name: string, args: { name: pulumi.Input<string>; autostart?: pulumi.Input<boolean>; ips?: pulumi.Input<object[]> }, options?: pulumi.CustomResourceOptions);
  }

  export class Pool extends pulumi.CustomResource {
    readonly name: pulumi.Output<string>;
    constructor(name: string, args: { name: pulumi.Input<string>; type: pulumi.Input<string>; target?: { path: pulumi.Input<string> } }, options?: pulumi.CustomResourceOptions);
  }

  export class Volume extends pulumi.CustomResource {
    readonly name: pulumi.Output<string>;
    readonly pool: pulumi.Output<string>;
    readonly path: pulumi.Output<string>;
    constructor(name: string, args: { name: pulumi.Input<string>; pool: pulumi.Input<string>; capacity?: pulumi.Input<number>; target?: { format: { type: pulumi.Input<string> } } }, options?: pulumi.CustomResourceOptions);
  }

  export class Provider extends pulumi.ProviderResource {
    constructor(name: string, args: { uri?: pulumi.Input<string> }, options?: pulumi.ResourceOptions);
  }
}
