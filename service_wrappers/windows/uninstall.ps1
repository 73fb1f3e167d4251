#Requires -RunAsAdministrator
<#
.SYNOPSIS
Stops the service Ground2Cloud and removes it.

.DESCRIPTION
Calls "ground2cloud service uninstall" of the Python that is named. Configuration, key, state and
logs stay, unless -Purge says otherwise.

.PARAMETER Python
The python.exe that has ground2cloud installed.

.PARAMETER Instance
The further agent that is meant, instead of the first.

.PARAMETER Purge
Also remove configuration, key, state and logs.
#>
[CmdletBinding()]
param(
    [string] $Python = 'python.exe',
    [string] $Instance = '',
    [switch] $Purge
)

$ErrorActionPreference = 'Stop'
$options = @('--manager', 'nssm')
if ($Instance) { $options += @('--instance', $Instance) }
if ($Purge) { $options += '--purge' }

& $Python -P -m ground2cloud service uninstall @options
exit $LASTEXITCODE
