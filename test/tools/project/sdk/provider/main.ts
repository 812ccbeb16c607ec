// Set-up makes one file of this. The provider of this project is in ../../provider, and needs no making.
process.stdout.write("bundled\n");
