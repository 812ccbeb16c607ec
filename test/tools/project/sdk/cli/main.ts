console.log(`summed up: ${process.argv.slice(2).join(" ")}`);
